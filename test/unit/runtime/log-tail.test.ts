import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTail } from "../../../src/runtime/log-tail.ts";

describe("runtime: the tail of a log", () => {
  const folder = mkdtempSync(join(tmpdir(), "skep-tail-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const line = (text: string, stream = "stdout", tag = "F") =>
    `2026-11-21T06:57:14.797810109+00:00 ${stream} ${tag} ${text}\n`;
  // Longer than the chunk that is read at once.
  const long = "x".repeat(70_000);
  const longLine = [line(long, "stdout", "P"), line("end")].join("");
  const many = Array.from({ length: 5_000 }, (_, index) => line(`line ${index}`)).join("");

  const cases: { name: string; log: string; count: number; want: string }[] = [
    { name: "an empty log", log: "", count: 3, want: "" },
    {
      name: "fewer lines than asked",
      log: line("a") + line("b"),
      count: 3,
      want: line("a") + line("b"),
    },
    {
      name: "the last two",
      log: line("a") + line("b") + line("c"),
      count: 2,
      want: line("b") + line("c"),
    },
    { name: "none", log: line("a"), count: 0, want: "" },
    { name: "none, before half a line", log: `${line("a")}2026-`, count: 0, want: "2026-" },
    {
      name: "half a line is not counted",
      log: `${line("a")}${line("b")}2026-`,
      count: 1,
      want: `${line("b")}2026-`,
    },
    { name: "half a line only", log: "2026-", count: 1, want: "2026-" },
    {
      name: "the other stream is not counted",
      log: line("a") + line("b") + line("e", "stderr"),
      count: 1,
      want: line("b") + line("e", "stderr"),
    },
    { name: "pieces are one line", log: line("a") + longLine, count: 1, want: longLine },
    {
      name: "a line before pieces",
      log: line("a") + line("b") + longLine,
      count: 2,
      want: line("b") + longLine,
    },
    {
      name: "the first piece of a line to come is not counted",
      log: line("a") + line("b") + line("part", "stdout", "P"),
      count: 1,
      want: line("b") + line("part", "stdout", "P"),
    },
    {
      name: "a log of many chunks",
      log: many,
      count: 2,
      want: line("line 4998") + line("line 4999"),
    },
    { name: "all of many chunks", log: many, count: 5_000, want: many },
    {
      name: "a damaged line",
      log: `${line("a")}damaged\n${line("b")}`,
      count: 2,
      want: `${line("a")}damaged\n${line("b")}`,
    },
  ];
  for (const { name, log, count, want } of cases) {
    it(name, async () => {
      const path = join(folder, "log");
      writeFileSync(path, log);
      const file = await open(path, "r");
      try {
        const at = await findTail(file, count, ({ stream }) => stream === "stdout");
        assert.equal(log.slice(at), want);
      } finally {
        await file.close();
      }
    });
  }
});
