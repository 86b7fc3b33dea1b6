import { errorMessage } from "../../src/base/errors.ts";
import { RaftSimWorld } from "../support/raft-sim-world.ts";

// Runs so many seeds, from 1, until one breaks a promise (exit code 1 and "seed N, step M: why"); 0 when none does.
const steps = 2_000;
const seeds = Number(process.argv[2]);
for (let seed = 1; seed <= seeds; seed += 1) {
  let step = 0;
  try {
    const world = new RaftSimWorld(seed);
    for (; step < steps; step += 1) world.step();
    world.checkLiveness();
  } catch (error) {
    const [why] = errorMessage(error).split("\n");
    process.stdout.write(`seed ${seed}, step ${step}: ${why}\n`);
    process.exit(1);
  }
}
