import { writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";
import { must } from "../src/base/assert.ts";
import { errorMessage } from "../src/base/errors.ts";
import { nodesOf, TestCluster } from "../test/support/test-cluster.ts";
import { until } from "../test/support/until.ts";

// Kills the leading one of three managers over and over: how long no write gets through.
// Usage: failover [--kills 50] [--json FILE]

const { values: options } = parseArgs({
  options: { kills: { type: "string", default: "50" }, json: { type: "string" } },
});
let cluster: TestCluster | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void leave());
try {
  await main(Number(options.kills));
} catch (error) {
  process.stderr.write(`the bench failed: ${errorMessage(error)}\n`);
  process.exitCode = 1;
} finally {
  await cluster?.destroy();
}

async function main(kills: number): Promise<void> {
  const load = must(loadavg()[0], "a load average").toFixed(1);
  print(
    `${cpus().length} cores, Linux ${release()}, Node ${process.version}, load average ${load}`,
  );
  cluster = await TestCluster.create({ managers: 3 });
  const times: number[] = [];
  for (let turn = 0; turn < kills; turn += 1) {
    times.push(await killLeader(cluster, turn));
    print(`${turn + 1}: ${times.at(-1)} ms`);
  }
  const figures = summary(times);
  print(`\n${kills} kills: ${JSON.stringify(figures)} ms`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ load, figures, times }, null, 2)}\n`);
  }
}

// From the kill until a write through another manager is acknowledged. Other managers take turns; a refusal is asked again at
// once, as a client would that wants its write done.
async function killLeader(of: TestCluster, turn: number): Promise<number> {
  const { managers } = of;
  const leader = await of.leader();
  const others = managers.filter((daemon) => daemon !== leader);
  const other = must(others[turn % others.length], "another manager");
  const start = performance.now();
  await leader.stop("SIGKILL");
  let attempt = 0;
  await until("a write through another manager", 30_000, async () => {
    const spec = { Name: `after-${turn}-${attempt}`, Data: "eA==", Labels: {} };
    attempt += 1;
    const answer = await other.api("POST", "/configs/create", spec, 10_000).catch(() => undefined);
    return answer?.status === 201;
  });
  const passedMs = Math.round(performance.now() - start);
  await leader.start();
  await until("three reachable managers", 30_000, async () => {
    const nodes = await nodesOf(other).catch(() => []);
    const well = nodes.filter(({ ManagerStatus }) => ManagerStatus?.Reachability === "reachable");
    return well.length === managers.length;
  });
  return passedMs;
}

function summary(times: readonly number[]): Record<"min" | "median" | "p90" | "max", number> {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number =>
    must(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))], "a time");
  return { min: at(0), median: at(0.5), p90: at(0.9), max: at(1) };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function leave(): Promise<never> {
  await cluster?.destroy();
  process.exit(130);
}
