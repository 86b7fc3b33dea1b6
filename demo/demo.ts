import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../src/base/assert.ts";
import type { ServiceJson } from "../src/rest/wire/service.ts";
import { type LoadResult, startRequestLoad } from "../test/support/request-load.ts";
import {
  httpGet,
  joinSwarm,
  pidsOf,
  serviceOf,
  skep,
  type TaskContainer,
  TestCluster,
  tasksOf,
} from "../test/support/test-cluster.ts";
import type { TestDaemon } from "../test/support/test-daemon.ts";
import { buildTestImage } from "../test/support/test-image.ts";
import { until } from "../test/support/until.ts";
import { webImage } from "../test/support/web-image.ts";
import { narrator } from "./narrator.ts";

// A tour of a real cluster on this machine: five hosts in network namespaces, every figure measured while you watch.

const replicas = 6;
const port = 8080;
const requestsPerSecond = 200;
const { step, say, quote, figure } = narrator();

const keep = process.argv.includes("--keep");
const creating = TestCluster.create({ managers: 0, spares: 5 });
let failedRequests = 0;
/** The service's own address, learnt by name from inside a container. */
let virtualAddress = "";
let interrupted = false;

process.once("SIGINT", () => void leave(130));
process.once("SIGTERM", () => void leave(143));
const cluster = await creating;

try {
  await tour();
  if (keep) explainKeep();
  else await cluster.destroy();
  figure("requests sent during updates that failed", String(failedRequests));
  process.exit(failedRequests === 0 ? 0 : 1);
} catch (error) {
  if (!interrupted) {
    process.stderr.write(`\nthe demo failed: ${error instanceof Error ? error.message : error}\n`);
    await leave(1);
  }
}

async function tour(): Promise<void> {
  const daemons = cluster.daemons;
  const [first, second, third, ...workers] = daemons;
  const managers = [first, second, third].map((daemon) => must(daemon, "a manager"));
  const leader = must(managers[0], "the first manager");
  showHosts(daemons);
  await makeCluster(leader, managers, workers);
  await loadImages(daemons);
  await startServices(leader);
  await showDnsAndSpread(leader, daemons);
  await updateUnderLoad(leader, must(workers[0], "a worker"));
  const next = await killLeader(leader, must(managers[1], "another manager"));
  await killWorker(next, must(workers[1], "another worker"));
  await restartDaemon(must(workers[0], "a worker"));
}

function showHosts(daemons: readonly TestDaemon[]): void {
  step("five hosts, each a network namespace with its own daemon");
  for (const { host, socket } of daemons) say(`${host.name}  ${host.ip}  ${socket}`);
}

async function makeCluster(
  leader: TestDaemon,
  managers: readonly TestDaemon[],
  workers: readonly TestDaemon[],
): Promise<void> {
  step("skep swarm init, and four joins: three managers, two workers");
  await timed("swarm init", () =>
    skep(leader, "swarm", "init", "--advertise-addr", leader.host.ip),
  );
  for (const daemon of managers.slice(1)) {
    await timed(`join of ${daemon.host.name} as manager`, () =>
      joinSwarm(daemon, "manager", leader),
    );
  }
  for (const daemon of workers) {
    await timed(`join of ${daemon.host.name} as worker`, () => joinSwarm(daemon, "worker", leader));
  }
  await until("three reachable managers", 20_000, async () => {
    const text = await skep(leader, "node", "ls");
    return (
      (text.match(/Ready/g)?.length ?? 0) === 5 && (text.match(/Reachable/g)?.length ?? 0) === 2
    );
  });
  quote(await skep(leader, "node", "ls"));
}

async function loadImages(daemons: readonly TestDaemon[]): Promise<void> {
  step("two versions of a small web server, built from busybox and loaded on each host");
  for (const version of ["1", "2"]) {
    const path = join(must(daemons[0], "a host").host.stateDir, `web${version}.tar`);
    writeFileSync(path, await buildTestImage(webImage(version)));
    await Promise.all(daemons.map((daemon) => skep(daemon, "image", "load", "-q", "-i", path)));
  }
  quote(await skep(must(daemons[0], "a host"), "image", "ls"));
}

async function startServices(leader: TestDaemon): Promise<void> {
  step(`an overlay network, and a service of ${replicas} replicas with a published port`);
  await skep(leader, "network", "create", "-d", "overlay", "shop");
  await skep(
    leader,
    ..."service create -d --name client --network shop --no-healthcheck skep-web:1 sleep 3600".split(
      " ",
    ),
  );
  const rules = ["update", "rollback"].flatMap((kind) => [
    ...[`--${kind}-parallelism`, "2", `--${kind}-monitor`, "1s"],
  ]);
  const create = ["service", "create", "-d", "--name", "web", "--replicas", String(replicas)];
  await timed(`${replicas} replicas created and healthy`, async () => {
    const own = ["--network", "shop", "-p", `${port}:80`, "--env", "DRAIN=1"];
    await skep(leader, ...create, ...own, ...rules, "skep-web:1");
    await cluster.converged("web", replicas, { by: leader });
  });
  await cluster.converged("client", 1, { by: leader });
  quote(await skep(leader, "service", "ps", "web"));
}

async function showDnsAndSpread(leader: TestDaemon, daemons: readonly TestDaemon[]): Promise<void> {
  step("names: one address for the service, one for each task");
  const client = await clientContainer();
  for (const name of ["web", "tasks.web"]) {
    quote(`nslookup ${name}\n${await lookUp(client, name)}`);
  }
  step("how requests spread: from a container by name, from a host by any node's port");
  const inside = await spread(() => httpGet(client.pid, `http://${virtualAddress}/host`));
  say(`from a container, 24 requests to "web": ${inside}`);
  for (const { host } of daemons) {
    const outside = await spread(() => httpGet(leader.host, `http://${host.ip}:${port}/host`));
    say(`port ${port} of ${host.name}, 24 requests: ${outside}`);
  }
}

async function lookUp(client: TaskContainer, name: string): Promise<string> {
  const text = await skep(client.daemon, "exec", client.id, "nslookup", name);
  const addresses = [...text.matchAll(/^Address: (\d+\.\d+\.\d+\.\d+)$/gm)].map(([, ip]) => ip);
  if (name === "web") virtualAddress = must(addresses[0], "the service's address");
  return addresses.map((ip) => `  ${ip}`).join("\n");
}

async function spread(get: () => Promise<string>): Promise<string> {
  const counts = new Map<string, number>();
  for (let sent = 0; sent < 24; sent += 1) {
    const name = (await get()).trim();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts.values()].join(" + ");
}

async function updateUnderLoad(leader: TestDaemon, worker: TestDaemon): Promise<void> {
  step(`a rolling update, and back, under ${requestsPerSecond} requests a second`);
  await loaded("rolling update to version 2", worker, () =>
    finished(leader, ["--image", "skep-web:2"], "completed"),
  );
  await loaded("rollback to version 1", worker, () =>
    finished(leader, ["--rollback"], "rollback_completed"),
  );
}

async function loaded(what: string, worker: TestDaemon, work: () => Promise<void>): Promise<void> {
  const client = await clientContainer();
  const asked = [must(cluster.daemons[0], "the first manager"), worker].map(({ host }) => ({
    from: `/run/netns/${worker.host.name}`,
    url: `http://${host.ip}:${port}/`,
  }));
  const targets = [
    { from: `/proc/${client.pid}/ns/net`, url: `http://${virtualAddress}/` },
    ...asked,
  ];
  const rate = Math.ceil(requestsPerSecond / targets.length);
  const loads = targets.map(({ from, url }) => startRequestLoad(from, url, rate));
  await timed(what, work);
  const results: LoadResult[] = [];
  for (const load of loads) results.push(await load.stop());
  const sent = results.reduce((sum, result) => sum + result.sent, 0);
  const failed = sent - results.reduce((sum, result) => sum + result.ok, 0);
  failedRequests += failed;
  figure("  requests sent, by the service's address and two nodes' ports", String(sent));
  figure("  requests failed", String(failed));
  for (const { failures } of results) {
    for (const [reason, count] of Object.entries(failures)) say(`    ${reason}: ${count}`);
  }
}

async function finished(leader: TestDaemon, flags: string[], state: string): Promise<void> {
  await skep(leader, "service", "update", "-d", ...flags, "web");
  const ended = ["completed", "rollback_completed", "paused", "rollback_paused"];
  const service = await until("the end of the update", 90_000, async () => {
    const now: ServiceJson = await serviceOf(leader, "web");
    return ended.includes(now.UpdateStatus?.State ?? "") && now;
  });
  if (service.UpdateStatus?.State !== state) {
    throw new Error(
      `the update ended as ${service.UpdateStatus?.State}: ${service.UpdateStatus?.Message}`,
    );
  }
}

async function killLeader(leader: TestDaemon, other: TestDaemon): Promise<TestDaemon> {
  step("kill -9 of the leader's daemon");
  const before = pidsOf(await cluster.containersOf("web", [leader]));
  await leader.stop("SIGKILL");
  await timed("until a write through another manager succeeded", () =>
    until("a write", 30_000, async () => {
      const spec = { Name: `after-${Date.now()}`, Driver: "overlay" };
      const answer = await other
        .api("POST", "/networks/create", spec, 2_000)
        .catch(() => undefined);
      return answer?.status === 201;
    }),
  );
  await timed("until its daemon was back, with the tasks it had", async () => {
    await leader.start();
    await sameContainers(leader, before);
  });
  return other;
}

async function killWorker(by: TestDaemon, worker: TestDaemon): Promise<void> {
  step("a worker's host dies: daemon and containers");
  const lost = (await cluster.containersOf("web", [worker])).map(({ taskId }) => taskId);
  say(`${worker.host.name} ran ${lost.length} of the ${replicas} tasks`);
  await timed("until all its tasks ran elsewhere", async () => {
    await worker.host.die();
    await until("the tasks elsewhere", 60_000, async () => {
      const tasks = await tasksOf(by, "web").catch(() => []);
      const running = tasks.filter(
        ({ ID, Status, DesiredState }) =>
          Status.State === "running" && DesiredState === "running" && !lost.includes(ID),
      );
      return running.length === replicas;
    });
  });
  quote(await skep(by, "node", "ls"));
}

async function restartDaemon(worker: TestDaemon): Promise<void> {
  step("a daemon restarts: its containers do not notice");
  const before = pidsOf(await cluster.containersOf("web", [worker]));
  await timed("restart of the daemon", async () => {
    await worker.stop();
    await worker.start();
  });
  await sameContainers(worker, before);
  const pids = [...before.values()].join(", ");
  say(`${before.size} containers kept their pids: ${pids}`);
}

async function sameContainers(daemon: TestDaemon, before: Map<string, number>): Promise<void> {
  const after = pidsOf(await cluster.containersOf("web", [daemon]));
  for (const [taskId, pid] of before) {
    if (after.get(taskId) !== pid) throw new Error(`task ${taskId} lost its process ${pid}`);
  }
}

async function clientContainer(): Promise<TaskContainer> {
  return must((await cluster.containersOf("client", cluster.daemons))[0], "the client");
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  figure(what, `${((performance.now() - start) / 1000).toFixed(2)} s`);
  return result;
}

function explainKeep(): void {
  const socket = must(cluster.daemons[1], "a manager").socket;
  step("the cluster stays up");
  say(`skep:    bin/skep -H unix://${socket} node ls`);
  say(`docker:  docker -H unix://${socket} service ls`);
  say(
    `web:     nsenter --net=/run/netns/${cluster.daemons[1]?.host.name} curl http://127.0.0.1:${port}/`,
  );
  say("to end:  the next `make demo` or `make test` takes it away");
}

async function leave(code: number): Promise<never> {
  interrupted = true;
  await (await creating).destroy();
  process.exit(code);
}
