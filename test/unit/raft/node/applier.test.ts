import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Entry } from "../../../../src/raft/core/types.ts";
import { Applier } from "../../../../src/raft/node/applier.ts";
import { Proposals } from "../../../../src/raft/node/proposals.ts";

interface Applying {
  readonly applier: Applier;
  /** How many entries were applied at each end of a stretch. */
  readonly stretches: number[];
}

function anApplier(): Applying {
  const stretches: number[] = [];
  let applied = 0;
  const applier = new Applier({
    stateMachine: {
      apply: () => {
        applied += 1;
      },
      async *snapshot() {},
      restore: async () => {},
    },
    proposals: new Proposals(),
    onMemberChange: () => {},
    onApplied: () => stretches.push(applied),
    restore: async () => {},
    onRestored: () => {},
    onFailure: (error) => {
      throw error;
    },
  });
  return { applier, stretches };
}

function entries(count: number, bytes: number): Entry[] {
  return Array.from({ length: count }, (_, at) => {
    return { index: at + 1, term: 1, type: "normal" as const, data: Buffer.alloc(bytes, 1) };
  });
}

describe("the applier", () => {
  const cases = [
    { name: "little at once", count: 10, bytes: 100, want: [10] },
    { name: "many small entries by 256", count: 600, bytes: 10, want: [256, 512, 600] },
    { name: "large entries one by one", count: 3, bytes: 60_000, want: [1, 2, 3] },
    { name: "others by 64 KiB", count: 100, bytes: 1_024, want: [64, 100] },
    { name: "one that is larger than all", count: 1, bytes: 1_000_000, want: [1] },
  ];
  for (const { name, count, bytes, want } of cases) {
    it(`applies ${name}, and gives way to others between`, async () => {
      const { applier, stretches } = anApplier();
      applier.apply(entries(count, bytes));
      assert.equal(stretches.length, 1);
      for (let turn = 0; turn < want.length + 2; turn += 1) await setImmediate();
      assert.deepEqual(stretches, want);
    });
  }
});
