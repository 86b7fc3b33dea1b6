import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { join as joinPath } from "node:path";
import { parseArgs } from "node:util";
import { must } from "../src/base/assert.ts";
import { errorMessage } from "../src/base/errors.ts";
import { TestCa } from "../test/support/test-certificates.ts";
import { createHosts, type TestHost, type TestNetwork } from "../test/support/test-hosts.ts";
import { until } from "../test/support/until.ts";
import { runLoad } from "./load.ts";
import type { MemberStretches } from "./member.ts";
import { MemberProcess, memberOf, nodeFlags } from "./member-process.ts";
import type { LoadOptions, LoadResult } from "./raft-client.ts";
import { type MemberGroup, startGroup } from "./raft-group.ts";

// A cluster with 100,000 tasks: memory, a new manager's catching up while writes go on, and a manager's restart.
// Usage: large-state [--tasks N] [--json FILE] [--profile FOLDER] [--node-flags FLAGS] [--stretches]
// With --stretches the leader's event loop is watched, which takes part of a core that the writes want: their times then say less.

const { values: options } = parseArgs({
  options: {
    tasks: { type: "string", default: "100000" },
    json: { type: "string" },
    profile: { type: "string" },
    "node-flags": { type: "string", default: "" },
    stretches: { type: "boolean", default: false },
  },
});
const tasks = Number(options.tasks);
const flags = nodeFlags(options["node-flags"], options.profile);
const services = 100;
const writesPerSecond = 200;
const loadMs = 30_000;
const minuteMs = 60_000;
const idleMs = 10_000;

interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly atMost?: number;
}

let network: TestNetwork | undefined;
const ca = new TestCa("bench");
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void leave());
try {
  await main();
} catch (error) {
  process.stderr.write(`the bench failed: ${errorMessage(error)}\n`);
  process.exitCode = 1;
} finally {
  ca.remove();
}

async function main(): Promise<void> {
  const machine = `${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
  print(`${machine}; load average before ${loadavg()[0]?.toFixed(1)}`);
  network = await createHosts(5);
  let group: MemberGroup | undefined;
  try {
    const hosts = network.hosts.slice(0, 3);
    const identities = hosts.map((_, at) => ca.identity(`m${at + 1}`, "manager"));
    group = await startGroup(
      { program: "large-state-member", nodeFlags: flags },
      hosts,
      identities,
    );
    const figures = await measure(group, network.hosts);
    print(`\n${new Date().toISOString()}\n\n${format(figures)}`);
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify({ machine, figures }, null, 2)}\n`);
    }
  } finally {
    await group?.stop();
    await network.destroy();
    network = undefined;
  }
}

async function measure(group: MemberGroup, hosts: readonly TestHost[]): Promise<Figure[]> {
  const leader = must(group.members[0], "the leader");
  const follower = must(group.members[1], "a follower");
  const [joinHost, clientHost] = [must(hosts[3], "a host"), must(hosts[4], "a host")];
  if (options.stretches) leader.send({ kind: "watchStretches" });
  const { seconds } = await leader.ask({ kind: "fill", tasks, services }, "filled", 5 * minuteMs);
  const filling = await leader.ask({ kind: "report" }, "report");
  print(`filled in ${seconds.toFixed(1)} s: ${JSON.stringify(filling)}`);
  await caughtUp(follower, filling.applied);

  await leader.ask({ kind: "report", restarts: true }, "report");
  // All three write the snapshot that the filling made due.
  const snapshotting = await load(clientHost, leader.self.address, 10_000);
  print(`writes behind the filling: ${JSON.stringify(snapshotting)}`);
  await until("the members have written their snapshots", minuteMs, () =>
    group.members.every(({ host }) => !snapshotsOf(host).some((name) => name.endsWith(".tmp"))),
  );
  await leader.ask({ kind: "report", restarts: true }, "report");
  const quiet = await load(clientHost, leader.self.address, 10_000);
  print(`writes on their own: ${JSON.stringify(quiet)}`);
  const alone = await leader.ask({ kind: "report", restarts: true }, "report");

  const loaded = load(clientHost, leader.self.address, loadMs);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const joiner = await join(leader, joinHost);
  const joining = await loaded;
  print(`writes while a manager joins: ${JSON.stringify(joining)}`);
  const whileJoining = await leader.ask({ kind: "report" }, "report");
  print(`leader: ${JSON.stringify(whileJoining)}`);

  const restart = await restarted(leader, follower);
  await new Promise((resolve) => setTimeout(resolve, idleMs)); // what a manager holds, not what it has just let go
  const memory = [...group.members, joiner.member].map(({ pid }) => residentMegabytes(pid));
  print(
    `resident: ${memory.map((mb) => mb.toFixed(0)).join(", ")} MB (leader, restarted, follower, joined)`,
  );
  await joiner.member.stop();
  return [
    { what: "objects", value: filling.objects, unit: "" },
    { what: "newest snapshot", value: snapshotMegabytes(joinHost), unit: "MB" },
    { what: "writes while snapshots are written, p99", value: snapshotting.p99Ms, unit: "ms" },
    { what: "writes on their own, p99", value: quiet.p99Ms, unit: "ms" },
    { what: "a manager joins and is caught up", value: joiner.seconds, unit: "s", atMost: 30 },
    { what: "200 writes/s meanwhile, p99", value: joining.p99Ms, unit: "ms", atMost: 100 },
    { what: "of it, late in the client itself, p99", value: joining.lateP99Ms, unit: "ms" },
    { what: "200 writes/s meanwhile, failed", value: joining.errors, unit: "", atMost: 0 },
    {
      what: "the leader's full collections meanwhile",
      value: whileJoining.fullCollections,
      unit: "",
    },
    ...stretchFigures("writes only", alone.stretches),
    ...stretchFigures("while a manager joins", whileJoining.stretches),
    { what: "a killed manager is back and caught up", value: restart, unit: "s", atMost: 10 },
    {
      what: "resident memory of a manager, largest",
      value: Math.max(...memory),
      unit: "MB",
      atMost: 400,
    },
  ];
}

function stretchFigures(when: string, stretches: MemberStretches | undefined): Figure[] {
  if (stretches === undefined) return [];
  const { longestMs, longestCpuMs } = stretches;
  return [
    { what: `leader's longest stretch, ${when}`, value: longestMs, unit: "ms" },
    { what: "the same, in its own CPU time", value: longestCpuMs, unit: "ms", atMost: 10 },
  ];
}

async function join(
  leader: MemberProcess,
  host: TestHost,
): Promise<{ member: MemberProcess; seconds: number }> {
  const identity = ca.identity("m4", "manager");
  const start = performance.now();
  await leader.add(memberOf(host, identity, 4));
  const program = { program: "large-state-member", nodeFlags: flags };
  const member = new MemberProcess(program, host, identity, 4, [leader.self]);
  await member.ready();
  await until("the joiner is a voter", minuteMs, () => leader.voters === 4);
  const { applied } = await leader.ask({ kind: "report" }, "report");
  await caughtUp(member, applied);
  return { member, seconds: (performance.now() - start) / 1000 };
}

async function restarted(leader: MemberProcess, member: MemberProcess): Promise<number> {
  const start = performance.now();
  await member.restart();
  await member.ready(minuteMs);
  const { applied } = await leader.ask({ kind: "report" }, "report");
  await caughtUp(member, applied);
  return (performance.now() - start) / 1000;
}

async function caughtUp(member: MemberProcess, index: number): Promise<void> {
  await until(`member ${member.self.raftId} at ${index}`, minuteMs, async () => {
    const { applied } = await member.ask({ kind: "report" }, "report", minuteMs);
    return applied >= index;
  });
}

async function load(host: TestHost, address: string, durationMs: number): Promise<LoadResult> {
  const identityFile = joinPath(host.stateDir, "client.json");
  writeFileSync(identityFile, JSON.stringify(ca.identity("client", "manager")), { mode: 0o600 });
  const request: LoadOptions = {
    ...{ address, identityFile, durationMs },
    ...{ clients: 64, warmUpMs: 1_000, rate: writesPerSecond },
  };
  return await runLoad(host, request);
}

function residentMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024) / 1e6;
}

function snapshotsOf(host: TestHost): string[] {
  return readdirSync(snapshotFolder(host));
}

function snapshotFolder(host: TestHost): string {
  return joinPath(host.stateDir, "raft", "snapshots");
}

function snapshotMegabytes(host: TestHost): number {
  const sizes = snapshotsOf(host).map(
    (name) => statSync(joinPath(snapshotFolder(host), name)).size,
  );
  return Math.max(0, ...sizes) / 1e6;
}

function format(figures: readonly Figure[]): string {
  const lines = figures.map(({ what, value, unit, atMost }) => {
    const text = `${value.toFixed(unit === "" ? 0 : 1)} ${unit}`.trim();
    const target = atMost === undefined ? "" : `<= ${atMost} ${unit}`.trim();
    return [what, text, target, atMost === undefined ? "" : value <= atMost ? "yes" : "NO"];
  });
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd([50, 10, 10, 3][at] ?? 0)).join(" | ")} |`;
  const head = ["what", "figure", "target", "met"];
  return [row(head), row(head.map(() => "---")), ...lines.map(row)].join("\n");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function leave(): Promise<never> {
  await network?.destroy();
  process.exit(130);
}
