import { strict as assert } from "node:assert";
import { runClusterSim } from "../support/cluster-sim.ts";
import type { Mistake } from "../support/cluster-sim-manager.ts";
import { runSeeds } from "../support/cluster-sim-runs.ts";

const seeds = 1_000;
const steps = 5_000;

/** What must have happened, or the promises were not put to the test. */
const interesting = [
  "all lost power",
  "bridge partition",
  "cas answered",
  "clock rate changed",
  "conflict in apply",
  "disk error",
  "disk full",
  "disk slow",
  "election won",
  "leader changed while tasks restart",
  "leader cut off",
  "leader died after a partial append (Figure 8)",
  "leader paused",
  "leadership began",
  "leadership transfer",
  "member joined",
  "member left",
  "message delayed",
  "message duplicated",
  "message lost",
  "network bad",
  "one-way partition",
  "outcome unknown",
  "partition",
  "power lost",
  "power lost within a write",
  "process killed",
  "process paused",
  "raft stopped by a disk error",
  "read answered",
  "request refused",
  "restarted",
  "session opened",
  "snapshot made",
  "snapshot restored",
  "snapshot taken",
  "states compared",
  "task died",
  "task status reported",
  "unknown leader heard",
  "torn write left out",
  "unsynced write lost",
  "wall clock jumped",
  "worker died",
  "write answered",
  "write under way kept over a power loss",
];

describe("cluster simulation", () => {
  it(`keeps its promises over ${seeds} seeds of ${steps} steps`, async function () {
    this.timeout(0);
    const { failures, counts } = await runSeeds({ from: 1, seeds, steps, heaviest: false });
    assert.deepEqual(failures, []);
    const lines = interesting.map((event) => `      ${event}: ${counts.get(event) ?? 0}`);
    process.stdout.write(`${lines.join("\n")}\n`);
    for (const event of interesting) assert.ok((counts.get(event) ?? 0) > 0, `no ${event}`);
  });

  it("does the same for the same seed", async function () {
    this.timeout(60_000);
    for (const seed of [1, 2, 3]) {
      const one = await runClusterSim({ seed, steps: 2_000 });
      const other = await runClusterSim({ seed, steps: 2_000 });
      assert.deepEqual(one, other);
    }
    const hashes = await Promise.all(
      [4, 5].map(async (seed) => (await runClusterSim({ seed, steps: 300 })).traceHash),
    );
    assert.notEqual(hashes[0], hashes[1]);
  });

  const mistakes: readonly { mistake: Mistake; want: RegExp }[] = [
    { mistake: "unsynced writes", want: /is not durable|durable only on/ },
    { mistake: "stale reads", want: /no order of its/ },
    { mistake: "skipped entry", want: /differs|entry \d+:/ },
    { mistake: "own time", want: /not within 180 s without faults/ },
  ];
  for (const { mistake, want } of mistakes) {
    it(`notices ${mistake}`, async function () {
      this.timeout(120_000);
      await assert.rejects(async () => {
        for (let seed = 1; seed <= 60; seed += 1) {
          await runClusterSim({ seed, steps: 3_000, mistake });
        }
      }, want);
    });
  }
});
