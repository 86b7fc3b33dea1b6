import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import {
  getJson,
  httpGet,
  nodesOf,
  serviceOf,
  skep,
  sorted,
  type TaskContainer,
  TestCluster,
  tasksOf,
} from "../support/test-cluster.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

const create = "service create --detach --name web --replicas 6 --network back".split(" ");

describe("a cluster of three managers and two workers", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let containers: TaskContainer[] = [];

  before(async () => {
    cluster = await TestCluster.create({ managers: 3, workers: 2, images: [webImage("1")] });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  async function inside(container: TaskContainer, ...command: string[]): Promise<string> {
    return await skep(container.daemon, "exec", container.id, ...command);
  }

  async function addressesOf(name: string): Promise<string[]> {
    const output = await inside(must(containers[0], "a container"), "nslookup", name);
    const [, answer = ""] = output.split(/\n\s*\n/);
    return sorted([...answer.matchAll(/Address(?: \d+)?:\s*([\d.]+)/g)].map(([, ip = ""]) => ip));
  }

  it("shows its nodes and their roles", async () => {
    const table = await skep(cluster.first, "node", "ls");
    assert.equal(table.match(/Ready +Active/g)?.length, 5, table);
    assert.equal(table.match(/Leader/g)?.length, 1, table);
    assert.equal(table.match(/Reachable/g)?.length, 2, table);
    const nodes = await nodesOf(must(cluster.managers[2], "the third manager"));
    const roles = sorted(nodes.map(({ Spec }) => String(Spec.Role)));
    assert.deepEqual(roles, ["manager", "manager", "manager", "worker", "worker"]);
    const worker = must(cluster.workers[0], "a worker");
    const refused = await worker.api("GET", "/nodes");
    assert.equal(refused.status, 503);
    assert.match(JSON.stringify(refused.body), /not a swarm manager/);
  });

  it("runs a service of six tasks, spread over the nodes", async () => {
    const { first } = cluster;
    await skep(first, "network", "create", "-d", "overlay", "back");
    await skep(first, ...create, "--publish", "8080:80", "skep-web:1");
    const tasks = await cluster.converged("web", 6);
    containers = await cluster.containersOf("web");
    assert.equal(containers.length, 6);
    const perNode = new Map<string, number>();
    for (const { NodeID = "" } of tasks) perNode.set(NodeID, (perNode.get(NodeID) ?? 0) + 1);
    assert.deepEqual(
      [...perNode.values()].sort((a, b) => a - b),
      [1, 1, 1, 1, 2],
    );
    assert.match(
      await skep(first, "service", "ls"),
      /web +replicated +6\/6 +skep-web:1 +.*8080->80/,
    );
    assert.equal((await skep(first, "service", "ps", "web")).match(/Running/g)?.length, 12);
  });

  it("answers names inside containers", async () => {
    const service = await serviceOf(cluster.first, "web");
    const back = await getJson<{ Id: string }>(cluster.first, "/networks/back");
    const vip = service.Endpoint.VirtualIPs?.find(({ NetworkID }) => NetworkID === back.Id);
    assert.deepEqual(await addressesOf("web"), [vip?.Addr?.split("/")[0]]);
    const tasks = await tasksOf(cluster.first, "web");
    const want = tasks.flatMap(({ NetworksAttachments = [] }) =>
      NetworksAttachments.filter(({ Network }) => Network.ID === back.Id).flatMap(
        ({ Addresses = [] }) => Addresses.map((address) => address.split("/")[0] ?? ""),
      ),
    );
    await until("six addresses of tasks.web", 5000, async () => {
      return (await addressesOf("tasks.web")).length === 6;
    });
    assert.deepEqual(await addressesOf("tasks.web"), sorted(want));
    const task = must(tasks[3], "a task");
    const own = await addressesOf(`web.${task.Slot}.${task.ID}`);
    assert.deepEqual(own.length, 1);
    assert.ok(want.includes(own[0] ?? ""));
    const [container] = containers;
    const { daemon, id } = must(container, "a container");
    const unknown = await daemon.skep("exec", id, "nslookup", "nosuchname");
    assert.notEqual(unknown.exitCode, 0);
    assert.match(unknown.stdout + unknown.stderr, /NXDOMAIN/);
  });

  it("balances the VIP over all tasks, from every node", async () => {
    const [vip = ""] = await addressesOf("web");
    for (const daemon of cluster.members) {
      const { pid } = must(
        containers.find((container) => container.daemon === daemon),
        "a container on each node",
      );
      const seen = await hostsSeen(() => httpGet(pid, `http://${vip}/host`));
      assert.equal(seen.size, 6, `from ${daemon.host.name}`);
    }
  });

  it("answers the published port on every node, also where no task runs", async () => {
    await skep(cluster.first, "service", "scale", "-d", "web=3");
    const tasks = await cluster.converged("web", 3);
    await until("three containers", 10_000, async () => {
      return (await cluster.containersOf("web")).length === 3;
    });
    assert.ok(new Set(tasks.map(({ NodeID }) => NodeID)).size < 5);
    for (const { host } of cluster.members) {
      const other = must(
        cluster.members.find((daemon) => daemon.host !== host),
        "another host",
      );
      for (const from of [host, other.host]) {
        const seen = await hostsSeen(() => httpGet(from, `http://${host.ip}:8080/host`));
        assert.equal(seen.size, 3, `${host.name} asked from ${from.name}`);
      }
    }
    assert.match(await httpGet(cluster.first.host, "http://127.0.0.1:8080/"), /^1\n$/);
    await skep(cluster.first, "service", "scale", "-d", "web=6");
    await cluster.converged("web", 6);
    containers = await cluster.containersOf("web");
  });

  it("runs commands in containers, shows logs, processes and details", async () => {
    const container = must(containers[0], "a container");
    const { daemon, id } = container;
    assert.equal(await inside(container, "cat", "/www/index.html"), "1\n");
    const code = await daemon.skep("exec", id, "sh", "-c", "echo out; echo err >&2; exit 7");
    assert.deepEqual([code.exitCode, code.stdout, code.stderr], [7, "out\n", "err\n"]);
    assert.match(await skep(daemon, "logs", id), /serving 1/);
    const row = new RegExp(`${id.slice(0, 12)} +skep-web:1.*\\(healthy\\)`);
    assert.match(await skep(daemon, "ps"), row);
    assert.match(await skep(daemon, "inspect", id), /"Running": true/);
    const logs = await skep(must(cluster.managers[1], "a manager"), "service", "logs", "web");
    const lines = logs.match(/^web\.\S+@\S+ +\| serving 1$/gm) ?? [];
    assert.equal(new Set(lines).size, 6, logs);
  });

  it("tells events of services", async () => {
    const { first } = cluster;
    const since = Date.now() / 1000;
    await skep(first, "service", "create", "-d", "--name", "short", "--replicas=0", "skep-web:1");
    await skep(first, "service", "rm", "short");
    const path = `/events?since=${since}&until=${Date.now() / 1000 + 1}`;
    const { status, body } = await first.api("GET", path);
    assert.equal(status, 200);
    const text = typeof body === "string" ? body : JSON.stringify(body);
    assert.match(text, /"Type":"service","Action":"create"[^\n]*short/);
    assert.match(text, /"Type":"service","Action":"remove"[^\n]*short/);
  });

  it("removes a service with its containers and addresses", async () => {
    const vip = must((await addressesOf("web"))[0], "the VIP");
    await skep(
      cluster.first,
      "service",
      "create",
      "-d",
      "--name",
      "eye",
      "--network",
      "back",
      "skep-web:1",
    );
    await cluster.converged("eye", 1);
    const [eye] = await cluster.containersOf("eye");
    await skep(cluster.first, "service", "rm", "web");
    await until("no container of web", 20_000, async () => {
      return (await cluster.containersOf("web")).length === 0;
    });
    for (const daemon of cluster.members) {
      await until("no stopped container of web", 10_000, async () => {
        type Rows = { Labels: Record<string, string> }[];
        const all = await getJson<Rows>(daemon, "/containers/json?all=1");
        return all.every(({ Labels }) => Labels["com.docker.swarm.service.name"] !== "web");
      });
    }
    const watcher = must(eye, "the container of eye");
    await until("no name of web", 5000, async () => {
      return (await watcher.daemon.skep("exec", watcher.id, "nslookup", "web")).exitCode !== 0;
    });
    await assert.rejects(httpGet(watcher.pid, `http://${vip}/`));
    await assert.rejects(httpGet(cluster.first.host, `http://${cluster.first.host.ip}:8080/`));
    await skep(cluster.first, "service", "rm", "eye");
    await until("the network can go", 20_000, async () => {
      return (await cluster.first.skep("network", "rm", "back")).exitCode === 0;
    });
  });
});

// Asks 24 times, enough for six tasks in turn or at random starts.
async function hostsSeen(ask: () => Promise<string>): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let n = 0; n < 24; n += 4) {
    for (const host of await Promise.all([ask(), ask(), ask(), ask()])) seen.add(host.trim());
  }
  return seen;
}
