import { parentPort, workerData } from "node:worker_threads";
import { must } from "../../src/base/assert.ts";
import { errorMessage } from "../../src/base/errors.ts";
import { runClusterSim, type SimRound } from "./cluster-sim.ts";
import type { WorkerAnswer, WorkerTask } from "./cluster-sim-runs.ts";

// One thread of `cluster-sim-runs.ts`: asks for a seed, runs it, answers, until there are none.

// Most errors here are part of the game; looking for their stacks takes a tenth of the time.
Error.stackTraceLimit = 0;

const port = must(parentPort ?? undefined, "a parent");
const { steps, hours, heaviest } = workerData as WorkerTask;

port.on("message", (seed: number | undefined) => {
  if (seed === undefined) port.close();
  else void run(seed);
});

async function run(seed: number): Promise<void> {
  let answer: WorkerAnswer;
  const onRound = (round: SimRound): void => port.postMessage({ seed, ...round });
  try {
    const { counts, ...result } = await runClusterSim({
      seed,
      steps,
      heaviest,
      ...(hours === undefined ? {} : { hours, onRound }),
    });
    answer = { seed, result: { ...result, counts: [...counts] } };
  } catch (error) {
    answer = { seed, failure: errorMessage(error) };
  }
  port.postMessage(answer);
}
