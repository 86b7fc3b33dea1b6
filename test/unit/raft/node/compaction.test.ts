import assert from "node:assert/strict";
import { MemoryStorage } from "../../../../src/raft/storage/memory-storage.ts";

describe("how much of the log stays behind a snapshot", () => {
  const entries = Array.from({ length: 20 }, (_, at) => ({
    index: at + 11,
    term: 1,
    type: "normal" as const,
    data: Buffer.alloc(10),
  }));
  const cases: { name: string; index: number; keep: number; bytes: number; want: number }[] = [
    { name: "so many entries", index: 30, keep: 5, bytes: 1_000, want: 25 },
    { name: "so many bytes", index: 30, keep: 5, bytes: 29, want: 28 },
    {
      name: "up to the snapshot, not the end of the log",
      index: 20,
      keep: 5,
      bytes: 1_000,
      want: 15,
    },
    { name: "all there is", index: 30, keep: 500, bytes: 1_000, want: 10 },
    { name: "nothing", index: 30, keep: 0, bytes: 1_000, want: 30 },
  ];
  for (const { name, index, keep, bytes, want } of cases) {
    it(name, () => {
      const hardState = { term: 1, vote: 0, commit: 30 };
      const log = new MemoryStorage(
        { hardState, truncated: { index: 10, term: 1 }, entries },
        undefined,
      );
      assert.equal(log.compactionBefore(index, keep, bytes), want);
    });
  }
});
