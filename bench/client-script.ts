import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../src/base/assert.ts";
import { docker, nodeIdOf, nodesOf, tasksOf } from "../test/support/test-cluster.ts";
import { type DaemonKind, TestDaemon } from "../test/support/test-daemon.ts";
import type { TestHost } from "../test/support/test-hosts.ts";
import { buildTestImage } from "../test/support/test-image.ts";
import { until } from "../test/support/until.ts";
import { processesOf, residentMegabytes } from "./memory.ts";
import type { Figures } from "./targets.ts";

// The same script for either daemon: three managers in network namespaces, driven by the stock docker CLI.

const service = "bench";
const idleMs = 5_000;

/** Measures one kind of daemon on fresh hosts, from a bare start; what it leaves there is the caller's to destroy. */
export async function runClientScript(
  kind: DaemonKind,
  hosts: readonly TestHost[],
  tell: (text: string) => void,
): Promise<Figures> {
  const daemons = hosts.map((host) => new TestDaemon(host, kind));
  for (const daemon of daemons) await daemon.start();
  return await measure(daemons, tell);
}

async function measure(
  daemons: readonly TestDaemon[],
  tell: (text: string) => void,
): Promise<Figures> {
  const first = must(daemons[0], "the first manager");
  tell("making the cluster");
  const { init, join } = await makeCluster(first, daemons.slice(1));
  await loadImage(daemons);
  tell("idle node");
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const idle = new Map(daemons.map(({ host }) => [host.name, processesOf(host.name)]));
  const perNode = [...idle.values()].map(residentMegabytes);
  const nodeMemory = mean(perNode);
  tell(
    `service of 30 replicas; idle nodes had ${perNode.map((mb) => mb.toFixed(0)).join(", ")} MB`,
  );
  const create = await timed(async () => {
    const flags = ["-d", "--name", service, "--replicas", "30", "--no-resolve-image"];
    await docker(first, "service", "create", ...flags, "skep-test:latest", "sleep", "100000");
    await running(first, 30);
  });
  tell("scale to 60");
  const scale = await timed(async () => {
    await docker(first, "service", "scale", "-d", `${service}=60`);
    await running(first, 60);
  });
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const beside = daemons.flatMap(({ host }) =>
    processesOf(host.name).filter((pid) => !idle.get(host.name)?.includes(pid)),
  );
  const containerMemory = residentMegabytes(beside) / 60;
  tell(`failures; ${beside.length} processes came with the 60 containers`);
  const failures = await killLeader(daemons);
  return { init, join, create, scale, nodeMemory, containerMemory, ...failures };
}

/** Makes a cluster of managers; gives how long it took, s. */
export async function makeCluster(
  first: TestDaemon,
  others: readonly TestDaemon[],
): Promise<{ init: number; join: number }> {
  const init = await timed(() => docker(first, "swarm", "init", "--advertise-addr", first.host.ip));
  const token = (await docker(first, "swarm", "join-token", "-q", "manager")).trim();
  const joins: number[] = [];
  for (const daemon of others) {
    const flags = ["--token", token, "--advertise-addr", daemon.host.ip];
    joins.push(
      await timed(() => docker(daemon, "swarm", "join", ...flags, `${first.host.ip}:2377`)),
    );
  }
  await until("three ready managers", 60_000, async () => {
    const nodes = await nodesOf(first);
    const good = nodes.filter(
      ({ Status, ManagerStatus }) =>
        Status.State === "ready" && ManagerStatus?.Reachability === "reachable",
    );
    return good.length === others.length + 1;
  });
  return { init, join: mean(joins) };
}

async function loadImage(daemons: readonly TestDaemon[]): Promise<void> {
  const path = join(must(daemons[0], "a manager").host.stateDir, "image.tar");
  writeFileSync(path, await buildTestImage());
  for (const daemon of daemons) await docker(daemon, "load", "-q", "-i", path);
}

// One death gives both figures: first kill -9 of the leading daemon alone, and once another manager takes writes again the
// rest of its host too. Nobody but the dead daemon watched its containers, so both times count from the kill.
async function killLeader(
  daemons: readonly TestDaemon[],
): Promise<Pick<Figures, "leaderKilled" | "tasksElsewhere">> {
  const leader = await leaderOf(daemons);
  const leaderId = await nodeIdOf(leader);
  const other = must(
    daemons.find((daemon) => daemon !== leader),
    "another manager",
  );
  const start = performance.now();
  const since = (): number => (performance.now() - start) / 1000;
  await leader.stop("SIGKILL");
  let attempt = 0;
  await until("a write through another manager", 120_000, async () => {
    attempt += 1;
    const spec = { Name: `after-${attempt}`, Data: "eA==", Labels: {} };
    const answer = await other.api("POST", "/configs/create", spec, 2_000).catch(() => undefined);
    return answer?.status === 201;
  });
  const leaderKilled = since();
  await leader.host.die();
  await running(other, 60, leaderId);
  return { leaderKilled, tasksElsewhere: since() };
}

async function leaderOf(daemons: readonly TestDaemon[]): Promise<TestDaemon> {
  const nodes = await nodesOf(must(daemons[0], "a manager"));
  const leading = nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader === true);
  const ip = leading?.ManagerStatus?.Addr?.split(":")[0];
  return must(
    daemons.find(({ host }) => host.ip === ip),
    "the leader",
  );
}

async function running(by: TestDaemon, count: number, exceptNode?: string): Promise<void> {
  await until(
    `${count} running tasks`,
    180_000,
    async () => {
      const tasks = await tasksOf(by, service).catch(() => []);
      const good = tasks.filter(
        ({ NodeID, Status, DesiredState }) =>
          Status.State === "running" && DesiredState === "running" && NodeID !== exceptNode,
      );
      return good.length === count;
    },
    50,
  );
}

/** How long the work takes, s. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
