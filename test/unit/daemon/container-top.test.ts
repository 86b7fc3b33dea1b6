import assert from "node:assert/strict";
import { parsePs } from "../../../src/daemon/container-top.ts";

describe("docker top", () => {
  it("shows the container's lines of ps, the command whole", () => {
    const text = "UID   PID PPID CMD\nroot  1 0 /sbin/init splash\nroot 42  1 sh -c  sleep 9\n";
    assert.deepEqual(parsePs(text, new Set([42])), {
      titles: ["UID", "PID", "PPID", "CMD"],
      processes: [["root", "42", "1", "sh -c sleep 9"]],
    });
  });

  it("needs to know the PID", () => {
    assert.throws(() => parsePs("CMD\nsh\n", new Set([1])), /PID field/);
  });
});
