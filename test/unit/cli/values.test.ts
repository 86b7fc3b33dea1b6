import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { withPlainSwitches } from "../../../src/cli/command.ts";
import { formatPort, parsePublish } from "../../../src/cli/ports.ts";
import {
  parseBytes,
  parseChoice,
  parseCount,
  parseCpus,
  parseDuration,
  parseEntries,
  parseLabels,
  parseRatio,
} from "../../../src/cli/values.ts";

/** Wrong input names the flag and says what it must be. */
function refused(flag: string, read: () => unknown): void {
  assert.throws(read, (error: unknown) => {
    assert.ok(isClusterError(error, "INVALID_ARGUMENT"), String(error));
    assert.ok(error.message.includes(flag), error.message);
    assert.match(error.message, /must be/);
    return true;
  });
}

describe("values of flags", () => {
  const good: { name: string; given: unknown; want: unknown }[] = [
    { name: "seconds", given: parseDuration("--f", "10s"), want: 10e9 },
    { name: "several units", given: parseDuration("--f", "1h30m"), want: 5400e9 },
    { name: "fractions", given: parseDuration("--f", "1.5s"), want: 1.5e9 },
    { name: "milliseconds", given: parseDuration("--f", "500ms"), want: 5e8 },
    { name: "no time", given: parseDuration("--f", "0"), want: 0 },
    { name: "bytes", given: parseBytes("--f", "1024"), want: 1024 },
    { name: "megabytes", given: parseBytes("--f", "512m"), want: 512 * 1024 ** 2 },
    { name: "gigabytes", given: parseBytes("--f", "1.5GiB"), want: 1.5 * 1024 ** 3 },
    { name: "processors", given: parseCpus("--f", ".5"), want: 5e8 },
    { name: "whole processors", given: parseCpus("--f", "2"), want: 2e9 },
    { name: "a count", given: parseCount("--f", "12"), want: 12 },
    { name: "a ratio", given: parseRatio("--f", "0.25"), want: 0.25 },
    { name: "a choice", given: parseChoice("--f", "b", ["a", "b"]), want: "b" },
    {
      name: "labels",
      given: parseLabels("--f", ["a=b=c", "d"]),
      want: { a: "b=c", d: "" },
    },
    {
      name: "entries, repeated ones too",
      given: parseEntries("Type=volume,opt=a=1,opt=b,readonly"),
      want: [
        ["type", "volume"],
        ["opt", "a=1"],
        ["opt", "b"],
        ["readonly", "true"],
      ],
    },
  ];
  for (const { name, given, want } of good) {
    it(`reads ${name}`, () => {
      assert.deepEqual(given, want);
    });
  }
  const bad: { name: string; read: () => unknown }[] = [
    { name: "a duration without unit", read: () => parseDuration("--f", "10") },
    { name: "a negative duration", read: () => parseDuration("--f", "-1s") },
    { name: "an empty duration", read: () => parseDuration("--f", "") },
    { name: "a size that is none", read: () => parseBytes("--f", "big") },
    { name: "processors that are none", read: () => parseCpus("--f", "two") },
    { name: "a negative count", read: () => parseCount("--f", "-1") },
    { name: "a fraction as count", read: () => parseCount("--f", "1.5") },
    { name: "a count beyond 2^53", read: () => parseCount("--f", "99999999999999999999") },
    { name: "a ratio above 1", read: () => parseRatio("--f", "1.1") },
    { name: "no ratio", read: () => parseRatio("--f", "") },
    { name: "another choice", read: () => parseChoice("--f", "c", ["a", "b"]) },
    { name: "a label without key", read: () => parseLabels("--f", ["=x"]) },
  ];
  for (const { name, read } of bad) {
    it(`refuses ${name}`, () => refused("--f", read));
  }
});

describe("--publish", () => {
  const tcp = { Protocol: "tcp", PublishMode: "ingress" };
  const good: { given: string; want: object[] }[] = [
    { given: "80", want: [{ ...tcp, TargetPort: 80 }] },
    { given: "8080:80", want: [{ ...tcp, TargetPort: 80, PublishedPort: 8080 }] },
    {
      given: "53:53/udp",
      want: [{ ...tcp, Protocol: "udp", TargetPort: 53, PublishedPort: 53 }],
    },
    {
      given: "8000-8001:80-81",
      want: [
        { ...tcp, TargetPort: 80, PublishedPort: 8000 },
        { ...tcp, TargetPort: 81, PublishedPort: 8001 },
      ],
    },
    {
      given: "published=8080,target=80,protocol=udp,mode=host",
      want: [{ Protocol: "udp", PublishMode: "host", TargetPort: 80, PublishedPort: 8080 }],
    },
  ];
  for (const { given, want } of good) {
    it(`reads ${given}`, () => {
      assert.deepEqual(parsePublish(given), want);
    });
  }
  for (const given of [
    ...["", "x", "80:", "70000", "8000-8002:80-81", "127.0.0.1:80:80", "80/icmp"],
    ...["published=1", "target=80,mode=mesh", "target=x", "target=80,color=red"],
  ]) {
    it(`refuses "${given}"`, () => refused("--publish", () => parsePublish(given)));
  }

  it("shows ports as docker does", () => {
    assert.equal(
      formatPort({ TargetPort: 80, PublishedPort: 8080, Protocol: "tcp" }),
      "*:8080->80/tcp",
    );
    assert.equal(formatPort({ TargetPort: 80 }), "80/tcp");
  });
});

describe("switches with a value", () => {
  const switches = {
    plain: new Map([
      ["--detach", "--detach"],
      ["-d", "--detach"],
      ["--read-only", "--read-only"],
      ["--no-read-only", "--no-read-only"],
    ]),
    valued: new Set(["--env", "-e", "--name"]),
  };
  const cases: { name: string; given: string[]; want: string[] }[] = [
    { name: "true", given: ["--detach=true", "img"], want: ["--detach", "img"] },
    { name: "false of a switch", given: ["--detach=false", "img"], want: ["img"] },
    { name: "false with a negation", given: ["--read-only=false"], want: ["--no-read-only"] },
    { name: "a value that looks like one", given: ["--env=true"], want: ["--env=true"] },
    {
      name: "the container's own flags",
      given: ["-e", "A=1", "img", "--detach=false"],
      want: ["-e", "A=1", "img", "--detach=false"],
    },
    { name: "the end of flags", given: ["--", "--detach=false"], want: ["--", "--detach=false"] },
    { name: "plain ones as they are", given: ["-d", "img"], want: ["-d", "img"] },
  ];
  for (const { name, given, want } of cases) {
    it(`reads ${name}`, () => {
      assert.deepEqual(withPlainSwitches(given, switches), want);
    });
  }
});
