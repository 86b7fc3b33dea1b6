import assert from "node:assert/strict";
import { differencesPage, type Outcome, plain } from "../../../bench/differences-page.ts";

const ok: Outcome = { exitCode: 0, stdout: "x", stderr: "", problem: undefined };
const failed = (stderr: string): Outcome => ({ ...ok, exitCode: 1, stderr });

describe("the page of differences", () => {
  const cases: { name: string; theirs: Outcome; ours: Outcome; want: number }[] = [
    { name: "two that succeed", theirs: ok, ours: { ...ok, stdout: "y" }, want: 0 },
    {
      name: "the same failure",
      theirs: failed("no such thing"),
      ours: failed("no such thing"),
      want: 0,
    },
    { name: "other words", theirs: failed("no"), ours: failed("no such thing"), want: 1 },
    { name: "one failure", theirs: ok, ours: failed("no"), want: 1 },
    {
      name: "output that is not as wanted",
      theirs: ok,
      ours: { ...ok, problem: "the output does not match" },
      want: 1,
    },
  ];
  for (const { name, theirs, ours, want } of cases) {
    it(`has ${want} rows for ${name}`, () => {
      const step = { run: "network create -d nosuch bad" };
      const groups = [{ title: "g", steps: [step] }];
      const page = differencesPage(groups, new Map([[step, theirs]]), new Map([[step, ours]]));
      assert.match(
        page.summary,
        new RegExp(`^1 commands, ${want} answered differently, 0 of them`),
      );
      assert.equal(page.text.split("\n").filter((line) => line.startsWith("| `")).length, want);
    });
  }

  it("leaves out what differs from run to run", () => {
    const text =
      "node abcdefghijklmnopqrstuvwxy at 10.0.0.1:2377 is gone\n\nUsage: docker node ls\n";
    assert.equal(plain(text), "node ID at ADDRESS is gone");
    assert.equal(
      plain("Error response from daemon: Invalid x"),
      "Error response from daemon: invalid x",
    );
  });
});
