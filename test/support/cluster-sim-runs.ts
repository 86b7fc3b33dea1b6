import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { errorMessage } from "../../src/base/errors.ts";

/** The same for all seeds of a run. */
export interface WorkerTask {
  readonly steps: number;
  readonly hours?: number | undefined;
  readonly heaviest: boolean;
}

export type WorkerAnswer =
  | { readonly seed: number; readonly failure: string }
  | {
      readonly seed: number;
      readonly result: {
        readonly traceHash: number;
        readonly steps: number;
        readonly simulatedMs: number;
        readonly operations: number;
        readonly counts: readonly (readonly [string, number])[];
      };
    };

/** How far a long seed has come. */
export interface WorkerProgress {
  readonly seed: number;
  readonly simulatedMs: number;
  /** Since the seed began. */
  readonly steps: number;
  readonly operations: number;
  readonly faults: number;
}

export interface RunsOptions extends WorkerTask {
  readonly from: number;
  readonly seeds: number;
  /** How many at once; as many as there are cores when absent. */
  readonly jobs?: number | undefined;
  /** Told of each seed that is done. */
  readonly onSeed?: (answer: WorkerAnswer) => void;
  /** Told at each end of a round of a seed that runs for hours. */
  readonly onProgress?: (progress: WorkerProgress) => void;
}

/** What all seeds together came to. */
export interface RunsResult {
  readonly failures: readonly string[];
  readonly steps: number;
  readonly simulatedMs: number;
  readonly operations: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** No more seeds are begun after so many have failed. */
const failuresMax = 3;

/** Runs the seeds on all cores, a thread each. */
export async function runSeeds(options: RunsOptions): Promise<RunsResult> {
  const { from, seeds, steps, hours, heaviest, jobs, onSeed, onProgress } = options;
  const failures: string[] = [];
  const counts = new Map<string, number>();
  const total = { steps: 0, simulatedMs: 0, operations: 0 };
  let next = from;
  const nextSeed = (): number | undefined =>
    next < from + seeds && failures.length < failuresMax ? next++ : undefined;
  const take = (answer: WorkerAnswer | WorkerProgress): boolean => {
    if ("faults" in answer) {
      onProgress?.(answer);
      return false;
    }
    onSeed?.(answer);
    if ("failure" in answer) {
      failures.push(`${answer.failure}\nagain: ${replayCommand(answer.seed, options)}`);
      return true;
    }
    total.steps += answer.result.steps;
    total.simulatedMs += answer.result.simulatedMs;
    total.operations += answer.result.operations;
    for (const [event, count] of answer.result.counts) {
      counts.set(event, (counts.get(event) ?? 0) + count);
    }
    return true;
  };
  const threads = Math.min(jobs ?? availableParallelism(), seeds);
  await Promise.all(
    Array.from({ length: threads }, () => runThread({ steps, hours, heaviest }, nextSeed, take)),
  );
  return { failures, ...total, counts };
}

/** Does the same again. */
export function replayCommand(seed: number, { steps, hours, heaviest }: WorkerTask): string {
  const length = hours === undefined ? `--steps ${steps}` : `--hours ${hours}`;
  return `npm run test:sim -- --from ${seed} --seeds 1 ${length}${heaviest ? " --heaviest" : ""}`;
}

function runThread(
  task: WorkerTask,
  nextSeed: () => number | undefined,
  take: (answer: WorkerAnswer | WorkerProgress) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./cluster-sim-worker.js", import.meta.url), {
      workerData: task,
    });
    let seed = nextSeed();
    worker.postMessage(seed);
    worker.on("message", (answer: WorkerAnswer | WorkerProgress) => {
      if (!take(answer)) return;
      seed = nextSeed();
      worker.postMessage(seed);
    });
    worker.on("error", (error) => {
      take({ seed: seed ?? 0, failure: `seed ${seed}: the thread broke: ${errorMessage(error)}` });
    });
    worker.on("exit", () => resolve());
  });
}
