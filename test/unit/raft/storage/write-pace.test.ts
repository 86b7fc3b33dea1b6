import { strict as assert } from "node:assert";
import { WritePace } from "../../../../src/raft/storage/write-pace.ts";

describe("where a write of the log is done", () => {
  const table: { name: string; bytes?: number; tookMs: (turn: number) => number; want: string }[] =
    [
      { name: "a quick disk: on this thread", tookMs: () => 0.3, want: "200 here" },
      {
        name: "a large record: elsewhere",
        bytes: 5_000,
        tookMs: () => 0.3,
        want: "200 elsewhere",
      },
      {
        name: "one slow write among quick ones: on this thread",
        tookMs: (turn) => (turn === 50 ? 8 : 0.3),
        want: "200 here",
      },
      {
        name: "a hang: elsewhere for a while",
        tookMs: (turn) => (turn === 50 ? 500 : 0.3),
        want: "51 here, 64 elsewhere, 85 here",
      },
      {
        name: "a slow disk: elsewhere, but for a try",
        tookMs: () => 8,
        want: "2 here, 64 elsewhere, 2 here, 64 elsewhere, 2 here, 64 elsewhere, 2 here",
      },
    ];
  for (const { name, bytes, tookMs, want } of table) {
    it(name, () => {
      const pace = new WritePace();
      const runs: { place: string; count: number }[] = [];
      for (let turn = 0; turn < 200; turn += 1) {
        const isInline = pace.isInline(bytes ?? 400);
        const place = isInline ? "here" : "elsewhere";
        const last = runs.at(-1);
        if (last?.place === place) last.count += 1;
        else runs.push({ place, count: 1 });
        pace.took(tookMs(turn), isInline);
      }
      assert.equal(runs.map((run) => `${run.count} ${run.place}`).join(", "), want);
    });
  }
});
