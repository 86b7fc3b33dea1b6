import { errorMessage } from "../../src/base/errors.ts";
import { RaftSimWorld } from "../support/raft-sim-world.ts";

// Runs seeds until one breaks a promise (exit code 1 and "seed N, step M: why") or the time is over (0).
const [seconds = "10", first = "1", steps = "2000"] = process.argv.slice(2);
const deadline = performance.now() + Number(seconds) * 1_000;
let seed = Number(first);
for (; performance.now() < deadline; seed += 1) {
  let step = 0;
  try {
    const world = new RaftSimWorld(seed);
    for (; step < Number(steps); step += 1) world.step();
    world.checkLiveness();
  } catch (error) {
    const [why] = errorMessage(error).split("\n");
    process.stdout.write(`seed ${seed}, step ${step}: ${why}\n`);
    process.exit(1);
  }
}
process.stdout.write(`${seed - Number(first)} seeds, nothing found\n`);
