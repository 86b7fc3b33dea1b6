import { strict as assert } from "node:assert";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GoldenRun } from "../../../support/raft-golden.ts";

// Scripts with what they showed when someone last looked: see test/support/raft-golden.ts.
// After a wanted change: UPDATE_GOLDEN=1, then read the diff as if it were code.
const folder = join("test", "testdata", "raft");
const isRecording = process.env["UPDATE_GOLDEN"] === "1";

describe("golden traces of the core", () => {
  const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));
  for (const name of names) {
    it(name.replace(".txt", "").replaceAll("-", " "), () => {
      const path = join(folder, name);
      const script = readFileSync(path, "utf8");
      const now = new GoldenRun().run(script);
      if (isRecording) writeFileSync(path, now);
      else assert.equal(now, script);
    });
  }

  it("are many, each saying what it shows", () => {
    assert.ok(names.length >= 30, `only ${names.length} scripts`);
    for (const name of names) assert.match(readFileSync(join(folder, name), "utf8"), /^# /);
  });

  it("tell of a change", () => {
    const script = "# a lone member\n> add 1 voters=1\n> elect 1\n";
    const told = new GoldenRun().run(script);
    assert.match(told, /1 is leader of term 1, commit 1/);
    assert.equal(new GoldenRun().run(told), told, "what was told is no part of the script");
  });
});
