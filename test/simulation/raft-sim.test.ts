import { strict as assert } from "node:assert";
import { errorMessage } from "../../src/base/errors.ts";
import { RaftSimWorld } from "../support/raft-sim-world.ts";

// A longer run: RAFT_SIM_SEEDS=5000 RAFT_SIM_FIRST=1000 npm run test:sim
const seeds = Number(process.env["RAFT_SIM_SEEDS"] ?? 150);
const firstSeed = Number(process.env["RAFT_SIM_FIRST"] ?? 1);
const steps = 2_000;

describe("raft simulation", () => {
  it(`keeps its promises over ${seeds} seeds of ${steps} steps`, function () {
    this.timeout(0);
    const totals = { elections: 0, committed: 0, reads: 0 };
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const world = run(seed);
      totals.elections += world.history.elections;
      totals.committed += world.history.maxCommitted;
      for (const node of world.nodes.values()) totals.reads += node.confirmedReads;
    }
    // Else nothing of interest happened, and the checks above say little.
    assert.ok(totals.elections > 3 * seeds, `only ${totals.elections} elections`);
    assert.ok(totals.committed > 30 * seeds, `only ${totals.committed} entries committed`);
    assert.ok(totals.reads > seeds, `only ${totals.reads} reads`);
  });

  it("does the same for the same seed", () => {
    assert.equal(run(7).traceHash, run(7).traceHash);
  });
});

function run(seed: number): RaftSimWorld {
  const world = new RaftSimWorld(seed);
  let step = 0;
  try {
    for (; step < steps; step += 1) world.step();
    world.checkLiveness();
    return world;
  } catch (error) {
    throw new Error(`seed ${seed}, step ${step}: ${errorMessage(error)}`, { cause: error });
  }
}
