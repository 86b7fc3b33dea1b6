import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";
import { must } from "../src/base/assert.ts";
import { errorMessage } from "../src/base/errors.ts";
import type { DaemonKind } from "../test/support/test-daemon.ts";
import { createHosts, type TestNetwork } from "../test/support/test-hosts.ts";
import { installPeer, said } from "./install-peer.ts";
import { type OrchestrationFigures, runOrchestration } from "./orchestrate-script.ts";

// A rolling update and scaling, against Docker Swarm and against Skep by the same client. Usage: orchestrate [--only skepd|dockerd]

const { values: options } = parseArgs({ options: { only: { type: "string" } } });
const works: { readonly key: keyof OrchestrationFigures; readonly what: string }[] = [
  { key: "update", what: "rolling update of 60 tasks, 10 at a time, to completed" },
  { key: "up", what: "scale 1 to 100, to 100 running" },
  { key: "down", what: "scale 100 to 0, to none running" },
];
const targetRatio = 0.5;
/** Between the two: what the first one's end leaves to do must not slow the second. */
const restMs = 15_000;
let network: TestNetwork | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void leave());

try {
  await main();
} catch (error) {
  process.stderr.write(`the bench failed: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const missing = options.only === "skepd" ? "only skepd was asked for" : await installPeer();
  if (missing !== undefined) print(`Docker Swarm is skipped: ${missing}`);
  const peer = missing === undefined ? await run("dockerd") : undefined;
  if (peer !== undefined) await new Promise((resolve) => setTimeout(resolve, restMs));
  const ours = options.only === "dockerd" ? undefined : await run("skepd");
  const machine = `${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
  const version = missing === undefined ? await said("dockerd", "--version") : "no dockerd";
  print(`\n${new Date().toISOString()}; ${machine}; ${version}\n`);
  print("| work | Docker Swarm | Skep | ratio | <= 0.5 x |\n| --- | --- | --- | --- | --- |");
  for (const { key, what } of works) {
    const [theirs, mine] = [peer?.[key], ours?.[key]];
    const ratio = theirs === undefined || mine === undefined ? undefined : mine / theirs;
    const met = ratio === undefined ? "" : ratio <= targetRatio ? "yes" : "NO";
    const share = ratio === undefined ? "" : `${ratio.toFixed(2)} x`;
    print(`| ${what} | ${seconds(theirs)} | ${seconds(mine)} | ${share} | ${met} |`);
  }
}

async function run(kind: DaemonKind): Promise<OrchestrationFigures> {
  print(`${kind}: load average before the start ${load()}`);
  network = await createHosts(3);
  try {
    return await runOrchestration(kind, network.hosts, (text) => print(`${kind}: ${text}`));
  } finally {
    await network.destroy();
    network = undefined;
    print(`${kind}: load average at the end ${load()}`);
  }
}

function load(): string {
  return must(loadavg()[0], "a load average").toFixed(1);
}

function seconds(value: number | undefined): string {
  return value === undefined ? "not run" : `${value.toFixed(2)} s`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function leave(): Promise<never> {
  await network?.destroy();
  process.exit(130);
}
