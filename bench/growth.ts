import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { must } from "../src/base/assert.ts";
import { errorMessage } from "../src/base/errors.ts";
import { skep, TestCluster, tasksOf } from "../test/support/test-cluster.ts";
import type { TestDaemon } from "../test/support/test-daemon.ts";
import { until } from "../test/support/until.ts";
import { webImage } from "../test/support/web-image.ts";
import { programPath } from "./member-process.ts";
import type { MemorySample } from "./memory-probe.ts";

// A manager and a worker under churn for some minutes: what they hold after a collection must not grow.
// Usage: growth [--seconds 600] [--json FILE]

const { values: options } = parseArgs({
  options: { seconds: { type: "string", default: "600" }, json: { type: "string" } },
});
/** Rounds before the first sample that counts for the slopes: caches fill, code is compiled. */
const warmUpRounds = 20;
const roundsPerSample = 10;
const replicas = 2;
/** Nothing that a round waits for is longer than it must be: no registry asked, no monitoring of an update, quick health checks. */
const quick = [
  "--no-resolve-image",
  ...["--update-parallelism", "0", "--update-monitor", "0s", "--health-interval", "200ms"],
];

const figures = [
  ["heapBytes", 1e3, "kB"],
  ["externalBytes", 1e3, "kB"],
  ["residentBytes", 1e3, "kB"],
  ["handles", 1, ""],
  ["files", 1, ""],
] as const;

interface Sample extends MemorySample {
  readonly round: number;
  readonly daemon: "manager" | "worker";
}

const folder = mkdtempSync(join(tmpdir(), "skep-growth-"));
let cluster: TestCluster | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void leave());
try {
  await main(Number(options.seconds) * 1000);
} catch (error) {
  process.stderr.write(`the bench failed: ${errorMessage(error)}\n`);
  process.exitCode = 1;
} finally {
  await cluster?.destroy();
  rmSync(folder, { recursive: true, force: true });
}

async function main(durationMs: number): Promise<void> {
  print(`Node ${process.version}, load average ${loadavg()[0]?.toFixed(1)}`);
  process.env["SKEP_MEMORY_PROBE"] = folder;
  process.env["NODE_OPTIONS"] = `--import ${pathToFileURL(programPath("memory-probe")).href}`;
  cluster = await TestCluster.create({ managers: 1, workers: 1, images: [webImage("1")] });
  // So often that the log's growth between two snapshots is not mistaken for a leak.
  await skep(cluster.first, "swarm", "update", "--snapshot-interval", "500");
  const samples: Sample[] = [];
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  for (let round = 0; performance.now() < endMs; round += 1) {
    await churn(cluster, round);
    if (round % roundsPerSample !== 0) continue;
    samples.push({ round, daemon: "manager", ...(await sampleOf(cluster.first)) });
    const worker = must(cluster.workers[0], "the worker");
    samples.push({ round, daemon: "worker", ...(await sampleOf(worker)) });
    for (const sample of samples.slice(-2)) print(line(sample));
  }
  const rounds = samples.at(-1)?.round ?? 0;
  const seconds = (performance.now() - startMs) / 1000;
  print(`${rounds} rounds, ${(seconds / (rounds + 1)).toFixed(1)} s each`);
  for (const daemon of ["manager", "worker"] as const) {
    const own = samples.filter((one) => one.daemon === daemon && one.round >= warmUpRounds);
    for (const [what, divisor, unit] of figures) {
      const values = own.map((sample): [number, number] => [sample.round, sample[what]]);
      const perRound = slope(values) / divisor;
      const [first, second] = halves(values).map((half) => (highest(half) / divisor).toFixed(0));
      print(
        `${daemon}: ${what} ${perRound.toFixed(3)} ${unit} a round; at most ${first} ${unit} in the first half, ${second} in the second`,
      );
    }
  }
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(samples, null, 2));
}

// A service made, watched, changed, scaled and removed, with a config of its own.
async function churn({ first }: TestCluster, round: number): Promise<void> {
  const name = `churn-${round}`;
  const stop = [opened(first, "/events"), opened(first, "/events?filters=%7B%7D")];
  await skep(first, "config", "create", name, "/etc/hostname");
  const named = ["--name", name, "--replicas", `${replicas}`, "--config", name];
  await skep(first, "service", "create", "-d", ...named, ...quick, "skep-web:1");
  await running(first, name, replicas);
  stop.push(opened(first, `/services/${name}/logs?stdout=1&stderr=1&follow=1`));
  await skep(
    first,
    "service",
    "update",
    "-d",
    "--no-resolve-image",
    "--env-add",
    `ROUND=${round}`,
    name,
  );
  await until("the update", 60_000, async () => {
    const tasks = await tasksOf(first, name);
    return tasks.filter((task) => isUpdated(task, round)).length === replicas;
  });
  // The leader may write the service between our reading and writing it: then the client has to ask again.
  await until("a scale", 30_000, async () => {
    const { exitCode } = await first.skep("service", "scale", "-d", `${name}=1`);
    return exitCode === 0;
  });
  await running(first, name, 1);
  for (const path of ["/info", "/nodes", "/services", "/tasks", "/version"]) {
    await first.api("GET", path);
  }
  for (const close of stop) close();
  await skep(first, "service", "rm", name);
  await skep(first, "config", "rm", name);
  await until("no task", 60_000, async () => {
    const answer = await first.api("GET", "/tasks");
    return Array.isArray(answer.body) && answer.body.length === 0;
  });
}

async function running(first: TestDaemon, name: string, count: number): Promise<void> {
  await until(`${count} tasks of ${name}`, 60_000, async () => {
    const tasks = (await tasksOf(first, name)).filter(
      ({ DesiredState }) => DesiredState === "running",
    );
    const up = tasks.filter(({ Status }) => Status.State === "running");
    return tasks.length === count && up.length === count;
  });
}

function isUpdated(task: Awaited<ReturnType<typeof tasksOf>>[number], round: number): boolean {
  const env = task.Spec.ContainerSpec?.Env ?? [];
  return task.Status.State === "running" && env.includes(`ROUND=${round}`);
}

/** A stream that is read until it is closed by the returned function. */
function opened(daemon: TestDaemon, path: string): () => void {
  const call = request({ socketPath: daemon.socket, path }, (answer) => {
    answer.resume();
    answer.on("error", () => {});
  });
  call.on("error", () => {});
  call.end();
  return () => call.destroy();
}

async function sampleOf(daemon: TestDaemon): Promise<MemorySample> {
  await pause(2_000); // what was let go is closed
  const pid = must(daemon.pid, "a running daemon");
  const path = join(folder, `${pid}.json`);
  rmSync(path, { force: true });
  daemon.signal("SIGUSR2");
  return await until("a sample", 30_000, () => {
    try {
      return JSON.parse(readFileSync(path, "utf8")) as MemorySample;
    } catch {
      return undefined; // not written yet
    }
  });
}

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1): number =>
    points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  let above = 0;
  let below = 0;
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return above / below;
}

function halves<T>(all: readonly T[]): (readonly T[])[] {
  const middle = all.length >> 1;
  return [all.slice(0, middle), all.slice(middle)];
}

function highest(points: readonly (readonly [number, number])[]): number {
  return Math.max(...points.map(([, value]) => value));
}

function line({ round, daemon, ...sample }: Sample): string {
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(2);
  const { heapBytes, externalBytes, residentBytes, handles, files } = sample;
  return `${round} ${daemon}: heap ${mb(heapBytes)}, external ${mb(externalBytes)}, resident ${mb(residentBytes)} MB, ${handles} handles, ${files} files`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function leave(): Promise<never> {
  await cluster?.destroy();
  process.exit(130);
}
