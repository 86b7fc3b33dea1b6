import { parseArgs } from "node:util";
import { runSeeds } from "./cluster-sim-runs.ts";

// npm run test:sim -- --seeds N --from S [--steps K | --hours H] [--heaviest] [--jobs J]

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    steps: { type: "string", default: "5000" },
    hours: { type: "string" },
    jobs: { type: "string" },
    heaviest: { type: "boolean", default: false },
  },
});
const { heaviest } = values;
const [seeds, from, steps] = [Number(values.seeds), Number(values.from), Number(values.steps)];
const hours = values.hours === undefined ? undefined : Number(values.hours);
const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
if (![seeds, from, steps, hours ?? 1, jobs ?? 1].every((value) => value > 0)) {
  throw new Error("--seeds, --from, --steps, --hours and --jobs are numbers above 0");
}

const hoursSaid = new Map<number, number>();
const startedMs = performance.now();
const result = await runSeeds({
  ...{ seeds, from, steps, hours, heaviest, jobs },
  onProgress: ({ seed, simulatedMs, steps: events, operations, faults }) => {
    // Rounds are of ten minutes; a line an hour is enough.
    const hour = Math.floor(simulatedMs / 3_600_000);
    if (hour === (hoursSaid.get(seed) ?? 0)) return;
    hoursSaid.set(seed, hour);
    process.stdout.write(
      `${new Date().toISOString()} seed ${seed}: ${hour} h simulated, ${events} events, ${faults} faults, ${operations} operations\n`,
    );
  },
  onSeed: (answer) => {
    if ("failure" in answer) process.stdout.write(`seed ${answer.seed} FAILED\n`);
    else if (hours !== undefined) {
      const { simulatedMs, steps: count, operations } = answer.result;
      const simulated = (simulatedMs / 3_600_000).toFixed(2);
      process.stdout.write(
        `seed ${answer.seed}: ${simulated} h, ${count} events, ${operations} operations\n`,
      );
    }
  },
});
for (const [event, count] of [...result.counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
  process.stdout.write(`${event}: ${count}\n`);
}
const seconds = Math.round((performance.now() - startedMs) / 1000);
const simulatedHours = (result.simulatedMs / 3_600_000).toFixed(1);
process.stdout.write(
  `${result.steps} events, ${simulatedHours} simulated hours, ${result.operations} operations in ${seconds} s; ${result.failures.length} violations\n`,
);
for (const failure of result.failures) process.stdout.write(`\n${failure}\n`);
process.exitCode = result.failures.length === 0 ? 0 : 1;
