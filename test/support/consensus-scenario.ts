import assert from "node:assert/strict";
import { assertConsistent, describeHistory, longestGapMs } from "./consensus-check.ts";
import { ConsensusLoad, type LoadHistory } from "./consensus-load.ts";
import { nodesOf, pidsOf, skep, sorted, type TestCluster } from "./test-cluster.ts";
import type { TestDaemon } from "./test-daemon.ts";
import { until } from "./until.ts";

/** Faults, while clients ask all managers. */
export type Faults = (load: ConsensusLoad) => Promise<void>;

/**
 * Between heartbeats of a node: a new leader waits twice as long for one before it moves its tasks, and so longer than a test waits for
 * the node (`allReachable`). The usual 5 s would be short for the restart of a killed daemon on a busy machine.
 */
const heartbeat = "20s";

let scenarios = 0;

/**
 * Runs `faults` under load, lets the cluster heal, and checks what clients saw: linearizable registers, no acknowledged config lost, the
 * containers of service "web" untouched. Gives the history for what else a test asks of it.
 */
export async function runScenario(cluster: TestCluster, faults: Faults): Promise<LoadHistory> {
  const { managers } = cluster;
  scenarios += 1;
  const containers = pidsOf(await cluster.containersOf("web"));
  const load = await ConsensusLoad.start(managers, `s${scenarios}`);
  let history: LoadHistory;
  try {
    await progressOn(load, managers);
    await faults(load);
    await allReachable(cluster);
    await progressOn(load, managers);
  } finally {
    history = await load.stop();
  }
  process.stdout.write(
    `      ${describeHistory(history)}; longest time without a write ${longestGapMs(history)} ms\n`,
  );
  await assertConsistent(history, managers);
  for (const pid of containers.values()) process.kill(pid, 0);
  return history;
}

/** Waits until clients of each of these managers had calls done, after now. */
export async function progressOn(
  load: ConsensusLoad,
  daemons: readonly TestDaemon[],
  timeoutMs = 20_000,
): Promise<void> {
  const since = performance.now();
  const behind = (): string[] =>
    daemons.filter((daemon) => load.succeeded(daemon, since) < 5).map(({ host }) => host.name);
  await until("progress", timeoutMs, () => behind().length === 0).catch((error: unknown) => {
    throw new Error(`${String(error)}: none on ${behind().join(", ")}`);
  });
}

/** Waits until every manager is ready and reachable as every manager sees it. */
export async function allReachable({ managers }: TestCluster): Promise<void> {
  await until("every manager reachable", 30_000, async () => {
    const lists = await Promise.all(managers.map((daemon) => nodesOf(daemon).catch(() => [])));
    return lists.every((nodes) => {
      const well = nodes.filter(
        ({ ManagerStatus, Status }) =>
          ManagerStatus?.Reachability === "reachable" && Status.State === "ready",
      );
      return well.length === managers.length;
    });
  });
}

/** A service whose containers must outlive everything that managers go through. */
export async function startWorkload(cluster: TestCluster, replicas: number): Promise<void> {
  await skep(cluster.first, "swarm", "update", "--dispatcher-heartbeat", heartbeat);
  const create = `service create -d --name web --replicas ${replicas} --no-healthcheck skep-web:1`;
  await skep(cluster.first, ...create.split(" "));
  await cluster.converged("web", replicas);
}

/** The same containers as `before`, once all is quiet. */
export async function assertSameContainers(
  cluster: TestCluster,
  before: ReadonlyMap<string, number>,
): Promise<void> {
  await cluster.converged("web", before.size);
  const after = pidsOf(await cluster.containersOf("web"));
  assert.deepEqual(sorted(after.keys()), sorted(before.keys()));
  assert.deepEqual(after, new Map(before));
}

/** Real time, for faults that last. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
