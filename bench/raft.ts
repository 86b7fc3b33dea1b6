import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { must } from "../src/base/assert.ts";
import { errorMessage } from "../src/base/errors.ts";
import type { TlsIdentity } from "../src/rpc/credentials.ts";
import { TestCa } from "../test/support/test-certificates.ts";
import { createHosts, type TestHost, type TestNetwork } from "../test/support/test-hosts.ts";
import { etcdVersion, installEtcd, type RunningGroup, startEtcd } from "./etcd.ts";
import { runLoad } from "./load.ts";
import { nodeFlags } from "./member-process.ts";
import type { LoadOptions, LoadResult } from "./raft-client.ts";
import { startGroup } from "./raft-group.ts";
import { rawGroupCommit } from "./raw-group-commit.ts";

// Agreed writes a second, ours beside etcd's, by the same client in one sitting.
// Usage: raft [--seconds N] [--rounds N] [--managers 1,3] [--clients 1,16,256] [--only skep|etcd] [--json FILE] [--profile FOLDER] [--node-flags FLAGS]

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
    managers: { type: "string", default: "1,3" },
    clients: { type: "string", default: "1,16,256" },
    only: { type: "string" },
    json: { type: "string" },
    profile: { type: "string" },
    "node-flags": { type: "string", default: "" },
  },
});
const warmUpMs = 6_000;
const numbers = (text: string): number[] => text.split(",").map(Number);
const durationMs = Number(options.seconds) * 1000;

type Side = "etcd" | "skep";
/** CPU time of all members together, which tells more than the rate when others use the machine too. */
type Result = LoadResult & { readonly cpuMsPerWrite: number };
interface Row {
  readonly managers: number;
  readonly clients: number;
  readonly raw: number;
  readonly etcd: readonly Result[];
  readonly skep: readonly Result[];
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
  const missing = options.only === "skep" ? "not asked for" : await installEtcd();
  if (missing !== undefined) print(`etcd is skipped: ${missing}`);
  const sides: readonly Side[] = (["etcd", "skep"] as const).filter(
    (side) => (side === "skep" || missing === undefined) && (options.only ?? side) === side,
  );
  const machine = `${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
  print(`${machine}, ${await etcdVersion()}; load average before ${loadavg()[0]?.toFixed(1)}`);
  const raw = new Map<number, number>();
  for (const clients of numbers(options.clients)) {
    raw.set(clients, await rawGroupCommit(clients, 2_000));
  }
  const rows: Row[] = [];
  for (const managers of numbers(options.managers)) {
    const results = await measure(sides, managers);
    for (const clients of numbers(options.clients)) {
      const of = (side: Side): readonly Result[] => results.get(`${side} ${clients}`) ?? [];
      rows.push({
        managers,
        clients,
        raw: must(raw.get(clients), "the raw rate"),
        etcd: of("etcd"),
        skep: of("skep"),
      });
    }
  }
  print(`\n${new Date().toISOString()}\n\n${formatRows(rows)}`);
  if (options.json !== undefined) {
    const document = { date: new Date().toISOString(), machine, rows };
    writeFileSync(options.json, `${JSON.stringify(document, null, 2)}\n`);
  }
}

// Both groups are up on the same hosts, and loaded by turns in short slices: what else the machine does falls on both. An idle group
// only sends heartbeats. The client has a host of its own.
async function measure(
  sides: readonly Side[],
  managers: number,
): Promise<ReadonlyMap<string, readonly Result[]>> {
  const results = new Map<string, Result[]>();
  const groups = new Map<Side, RunningGroup>();
  network = await createHosts(managers + 1);
  try {
    const hosts = network.hosts.slice(0, managers);
    for (const side of sides) groups.set(side, await start(side, hosts));
    const clientHost = must(network.hosts.at(-1), "the client's host");
    // Programs that have run for a while are what is compared, not their first seconds: V8 compiles what is called often, by and by. So one
    // client comes last: its few calls would take long for that.
    const fromMany = numbers(options.clients).sort((a, b) => b - a);
    for (const clients of fromMany) {
      for (const { leader } of groups.values()) await run(clientHost, leader, clients, warmUpMs);
      for (let round = 0; round < Number(options.rounds); round += 1) {
        for (const [side, { leader, pids }] of groups) {
          const cpuBefore = cpuMs(pids);
          const load = await run(clientHost, leader, clients);
          const result = { ...load, cpuMsPerWrite: (cpuMs(pids) - cpuBefore) / load.total };
          print(`${managers} managers, ${clients} clients, ${side}: ${JSON.stringify(result)}`);
          const key = `${side} ${clients}`;
          results.set(key, [...(results.get(key) ?? []), result]);
        }
      }
    }
    return results;
  } finally {
    for (const group of groups.values()) await group.stop();
    await network.destroy();
    network = undefined;
  }
}

async function start(side: Side, hosts: readonly TestHost[]): Promise<RunningGroup> {
  const identities = hosts.map(({ ip }, at) =>
    ca.identity(`m${at + 1}`, "manager", undefined, [ip]),
  );
  const flags = nodeFlags(options["node-flags"], options.profile);
  return side === "etcd"
    ? await startEtcd(hosts, identities)
    : await startGroup({ program: "raft-member", nodeFlags: flags }, hosts, identities);
}

async function run(
  host: TestHost,
  address: string,
  clients: number,
  lastingMs = durationMs,
): Promise<LoadResult> {
  const identityFile = join(host.stateDir, "client.json");
  const identity: TlsIdentity = ca.identity("client", "manager");
  writeFileSync(identityFile, JSON.stringify(identity), { mode: 0o600 });
  const request: LoadOptions = {
    ...{ address, identityFile, clients },
    ...{ warmUpMs: 1_000, durationMs: lastingMs },
  };
  try {
    return await runLoad(host, request);
  } finally {
    rmSync(identityFile);
  }
}

/** The result in the middle by rate. */
function median(results: readonly Result[]): Result | undefined {
  const sorted = [...results].sort((a, b) => a.perSecond - b.perSecond);
  return sorted[Math.floor(sorted.length / 2)];
}

/** The middle of the ratios of one slice each, run one after the other: a machine's speed changes from minute to minute. */
function ratioOf(skep: readonly Result[], etcd: readonly Result[]): number | undefined {
  const ratios = skep
    .slice(0, etcd.length)
    .map(({ perSecond }, at) => perSecond / must(etcd[at], "its pair").perSecond)
    .sort((a, b) => a - b);
  return ratios[Math.floor(ratios.length / 2)];
}

// Of user and system together, in units of 10 ms (Linux proc(5)).
function cpuMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

function formatRows(rows: readonly Row[]): string {
  const head = [
    ...["managers", "clients", "etcd, writes/s", "p50, p99 ms", "CPU ms"],
    ...["Skep, writes/s", "p50, p99 ms", "CPU ms"],
    ...["ratio", "target", "met", "of the raw log"],
  ];
  const lines = rows.map(({ managers, clients, raw, etcd: allOfEtcd, skep: allOfSkep }) => {
    const [etcd, skep] = [median(allOfEtcd), median(allOfSkep)];
    const ratio = ratioOf(allOfSkep, allOfEtcd);
    return [
      ...[String(managers), String(clients), ...cellsOf(etcd), ...cellsOf(skep)],
      ratio === undefined ? "" : `${ratio.toFixed(2)} x`,
      ">= 1.0 x",
      ratio === undefined ? "" : ratio >= 1 ? "yes" : "NO",
      skep === undefined
        ? ""
        : `${((100 * skep.perSecond) / raw).toFixed(0)} % of ${raw.toFixed(0)}/s`,
    ];
  });
  const widths = head.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = format(widths.map((width) => "-".repeat(width)));
  return [format(head), rule, ...lines.map(format)].join("\n");
}

function cellsOf(result: Result | undefined): string[] {
  if (result === undefined) return ["not run", "", ""];
  const { perSecond, p50Ms, p99Ms, errors, cpuMsPerWrite } = result;
  const failed = errors === 0 ? "" : ` (${errors} failed)`;
  return [
    `${perSecond.toFixed(0)}${failed}`,
    `${p50Ms.toFixed(2)}, ${p99Ms.toFixed(2)}`,
    cpuMsPerWrite.toFixed(2),
  ];
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function leave(): Promise<never> {
  await network?.destroy();
  process.exit(130);
}
