import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import type { NodeJson } from "../../src/rest/wire/node.ts";
import {
  failed,
  getJson,
  nodeIdOf,
  nodesOf,
  pidsOf,
  skep,
  TestCluster,
} from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

describe("roles and life of nodes", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let worker: TestDaemon;
  let workerId = "";

  before(async () => {
    cluster = await TestCluster.create({ managers: 1, workers: 2, images: [webImage("1")] });
    worker = must(cluster.workers[0], "a worker");
    workerId = await nodeIdOf(worker);
    const create = "service create -d --name web --replicas 6 --no-healthcheck skep-web:1";
    await skep(cluster.first, ...create.split(" "));
    await cluster.converged("web", 6);
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  async function node(id: string, by = cluster.first): Promise<NodeJson | undefined> {
    return (await nodesOf(by)).find(({ ID }) => ID === id);
  }

  it("promotes a worker to a manager that votes and answers", async () => {
    const before = pidsOf(await cluster.containersOf("web"));
    await skep(cluster.first, "node", "promote", workerId);
    await until("a second reachable manager", 15_000, async () => {
      return (await node(workerId))?.ManagerStatus?.Reachability === "reachable";
    });
    await until("it answers as a manager", 10_000, async () => {
      const answer = await worker.api("GET", "/nodes").catch(() => undefined);
      return answer?.status === 200 && (answer.body as NodeJson[]).length === 3;
    });
    assert.equal((await skep(worker, "service", "scale", "-d", "web=6")).includes("web"), true);
    assert.deepEqual(pidsOf(await cluster.containersOf("web")), before, "its tasks ran on");
  });

  it("hands leadership over when the leader is demoted, and takes it back", async () => {
    const firstId = await nodeIdOf(cluster.first);
    await skep(worker, "node", "promote", await nodeIdOf(must(cluster.workers[1], "a worker")));
    await until("three reachable managers", 15_000, async () => {
      const nodes = await nodesOf(worker);
      return nodes.filter((n) => n.ManagerStatus?.Reachability === "reachable").length === 3;
    });
    assert.equal((await node(firstId))?.ManagerStatus?.Leader, true);
    await skep(worker, "node", "demote", firstId);
    await until("another leader", 15_000, async () => {
      const nodes = await nodesOf(worker).catch(() => []);
      const old = nodes.find(({ ID }) => ID === firstId);
      const leads = nodes.some(({ ManagerStatus }) => ManagerStatus?.Leader === true);
      return leads && old?.Spec.Role === "worker" && old.ManagerStatus === undefined;
    });
    await until("the old leader is a worker", 15_000, async () => {
      return (await cluster.first.api("GET", "/nodes")).status === 503;
    });
    await skep(worker, "node", "promote", firstId);
    await until("it is a manager again", 20_000, async () => {
      return (await node(firstId, worker))?.ManagerStatus?.Reachability === "reachable";
    });
    await until("it answers", 10_000, async () => {
      return (await cluster.first.api("GET", "/nodes").catch(() => undefined))?.status === 200;
    });
  });

  it("demotes a manager; it goes on as a worker", async () => {
    await skep(cluster.first, "node", "demote", workerId);
    await until("a worker again", 15_000, async () => {
      const found = await node(workerId).catch(() => undefined);
      return found?.Spec.Role === "worker" && found.ManagerStatus === undefined;
    });
    await until("it answers as a worker", 15_000, async () => {
      return (await worker.api("GET", "/nodes")).status === 503;
    });
    await until(
      "it is ready",
      10_000,
      async () => (await node(workerId))?.Status.State === "ready",
    );
    await cluster.converged("web", 6);
  });

  it("drains a node, and fills it again when asked", async () => {
    await skep(cluster.first, "node", "update", "--availability", "drain", workerId);
    await until("no container on the drained node", 30_000, async () => {
      return (await cluster.containersOf("web", [worker])).length === 0;
    });
    await cluster.converged("web", 6);
    await skep(cluster.first, "node", "update", "--availability", "active", workerId);
    await skep(cluster.first, "service", "scale", "-d", "web=9");
    const tasks = await cluster.converged("web", 9);
    assert.equal(tasks.filter(({ NodeID }) => NodeID === workerId).length, 3);
  });

  it("removes a node that has left, and takes it in again as another", async () => {
    const refused = failed("node rm", await cluster.first.skep("node", "rm", workerId));
    assert.match(refused, /is not down and can't be removed/);
    await skep(worker, "swarm", "leave");
    const info = await getJson<{ Swarm: { LocalNodeState: string } }>(worker, "/info");
    assert.equal(info.Swarm.LocalNodeState, "inactive");
    await until(
      "the node is down",
      20_000,
      async () => (await node(workerId))?.Status.State === "down",
    );
    await cluster.converged("web", 9);
    await skep(cluster.first, "node", "rm", workerId);
    assert.equal(await node(workerId), undefined);
    const token = (await skep(cluster.first, "swarm", "join-token", "-q", "worker")).trim();
    await skep(worker, "swarm", "join", "--token", token, `${cluster.first.host.ip}:2377`);
    const id = await nodeIdOf(worker);
    assert.notEqual(id, workerId);
    await until("it is ready", 10_000, async () => (await node(id))?.Status.State === "ready");
  });
});
