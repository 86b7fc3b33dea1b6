import { readdirSync, readFileSync, statSync } from "node:fs";
import { must } from "../src/base/assert.ts";
import { type DaemonKind, TestDaemon } from "../test/support/test-daemon.ts";
import { createHosts } from "../test/support/test-hosts.ts";
import { until } from "../test/support/until.ts";

/** What the client script measured of one kind of daemon, three managers. */
export interface SwarmFigures {
  readonly initMs: number;
  readonly joinMs: number;
  readonly createMs: number;
  readonly scaleMs: number;
  readonly failoverMs: number;
  readonly rescheduleMs: number;
  /** Resident memory of the daemons of a node that runs nothing; mean of three nodes. */
  readonly idleNodeBytes: number;
  /** Resident memory of what the daemon keeps beside each container (shim, conmon); mean. */
  readonly keeperBytes: number;
}

const idleSettleMs = 5_000;

/** Runs the script on three hosts of their own and takes them away again. */
export async function measureSwarm(kind: DaemonKind, imagePath: string): Promise<SwarmFigures> {
  const network = await createHosts(3);
  try {
    const daemons = network.hosts.map((host) => new TestDaemon(host, kind));
    await Promise.all(daemons.map((daemon) => daemon.start()));
    for (const daemon of daemons) await docker(daemon, "load", "-q", "-i", imagePath);
    return await script(daemons);
  } finally {
    await network.destroy();
  }
}

async function script(daemons: readonly TestDaemon[]): Promise<SwarmFigures> {
  const [first, second, third] = daemons.map((daemon) => must(daemon, "a daemon"));
  const leader = must(first, "the first manager");
  const other = must(second, "the second manager");
  const initMs = await timed(() =>
    docker(leader, "swarm", "init", "--advertise-addr", leader.host.ip),
  );
  const token = (await docker(leader, "swarm", "join-token", "-q", "manager")).trim();
  const joins: number[] = [];
  for (const daemon of [other, must(third, "the third manager")]) {
    const own = ["--advertise-addr", daemon.host.ip];
    joins.push(
      await timed(() =>
        docker(daemon, "swarm", "join", "--token", token, ...own, `${leader.host.ip}:2377`),
      ),
    );
  }
  await new Promise((resolve) => setTimeout(resolve, idleSettleMs));
  const idle = daemons.map(({ host }) => memoryOf(pidsOfHost(host.name)));
  const create = "service create -d --no-resolve-image --name s --replicas 30 bench:1".split(" ");
  const createMs = await timed(async () => {
    await docker(leader, ...create);
    await running(leader, 30);
  });
  const keeperBytes = keeperMemory(daemons);
  const scaleMs = await timed(async () => {
    await docker(leader, "service", "scale", "-d", "s=60");
    await running(leader, 60);
  });
  const lost = new Set(
    (await tasks(leader)).filter(isOn(await nodeId(leader))).map(({ ID }) => ID),
  );
  const died = performance.now();
  await leader.host.die();
  await until("a write", 120_000, () => writes(other), 20);
  const failoverMs = performance.now() - died;
  await until("the tasks elsewhere", 180_000, async () => {
    const now = await tasks(other).catch(() => []);
    return now.filter((task) => isRunning(task) && !lost.has(task.ID)).length >= 60;
  });
  const rescheduleMs = performance.now() - died;
  return {
    initMs,
    joinMs: mean(joins),
    createMs,
    scaleMs,
    failoverMs,
    rescheduleMs,
    idleNodeBytes: mean(idle),
    keeperBytes,
  };
}

interface TaskSummary {
  readonly ID: string;
  readonly NodeID?: string;
  readonly DesiredState: string;
  readonly Status: { readonly State: string };
}

async function tasks(daemon: TestDaemon): Promise<TaskSummary[]> {
  const { status, body } = await daemon.api("GET", "/tasks", undefined, 5_000);
  if (status !== 200) throw new Error(`GET /tasks: ${status}`);
  return body as TaskSummary[];
}

async function running(daemon: TestDaemon, count: number): Promise<void> {
  await until(`${count} running tasks`, 120_000, async () => {
    return (await tasks(daemon)).filter(isRunning).length === count;
  });
}

function isRunning({ DesiredState, Status }: TaskSummary): boolean {
  return DesiredState === "running" && Status.State === "running";
}

function isOn(node: string): (task: TaskSummary) => boolean {
  return ({ NodeID }) => NodeID === node;
}

async function nodeId(daemon: TestDaemon): Promise<string> {
  const { body } = await daemon.api("GET", "/info");
  return (body as { Swarm: { NodeID: string } }).Swarm.NodeID;
}

let written = 0;

async function writes(daemon: TestDaemon): Promise<boolean> {
  written += 1;
  const data = Buffer.from("x").toString("base64");
  const spec = { Name: `probe-${process.pid}-${written}`, Data: data, Labels: {} };
  const answer = await daemon.api("POST", "/configs/create", spec, 2_000).catch(() => undefined);
  return answer?.status === 201;
}

async function docker(daemon: TestDaemon, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await daemon.docker(...args);
  if (exitCode !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Processes whose network is the host's: its daemons and their helpers, not the containers. */
function pidsOfHost(name: string): { readonly pid: number; readonly command: string }[] {
  const own = networkOf(`/run/netns/${name}`);
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      if (networkOf(`/proc/${entry}/ns/net`) !== own) return [];
      return [{ pid: Number(entry), command: readFileSync(`/proc/${entry}/comm`, "utf8").trim() }];
    } catch {
      return []; // it has ended
    }
  });
}

function memoryOf(processes: readonly { readonly pid: number }[]): number {
  return processes.reduce((sum, { pid }) => sum + residentBytes(pid), 0);
}

function keeperMemory(daemons: readonly TestDaemon[]): number {
  const keepers = daemons
    .flatMap(({ host }) => pidsOfHost(host.name))
    .filter(({ command }) => command === "conmon" || command.startsWith("containerd-shim"));
  return memoryOf(keepers) / Math.max(1, keepers.length);
}

function residentBytes(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) * 1024;
}

// The inode of a namespace file is the same for all that are in the namespace.
function networkOf(path: string): number {
  return statSync(path).ino;
}
