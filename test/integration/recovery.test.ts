import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import {
  docker,
  failed,
  getJson,
  joinSwarm,
  nodeIdOf,
  nodesOf,
  skep,
  sorted,
  TestCluster,
} from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

const noLeader = /The swarm does not have a leader/;
const leftBehind = /is no longer a manager of this cluster.*swarm leave --force/s;

interface SwarmInfo {
  readonly LocalNodeState: string;
  readonly Error: string;
  readonly ControlAvailable: boolean;
}

describe("a new cluster forced from one manager", function () {
  this.timeout(90_000);
  let cluster: TestCluster;
  let survivor: TestDaemon;
  let lost: readonly TestDaemon[];
  let worker: TestDaemon;
  let newIp = "";

  before(async () => {
    cluster = await TestCluster.create({
      managers: 3,
      workers: 1,
      spares: 1,
      images: [webImage("1")],
    });
    worker = must(cluster.workers[0], "the worker");
    survivor = must(cluster.managers[1], "the second manager");
    lost = cluster.managers.filter((daemon) => daemon !== survivor);
    const create = "service create -d --name web --replicas 6 --no-healthcheck skep-web:1";
    await skep(cluster.first, ...create.split(" "));
    await cluster.converged("web", 6);
    newIp = survivor.host.ip.replace(/\.(\d+)$/, (_, last) => `.${Number(last) + 100}`);
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  it("refuses where there is no manager's state, and is a plain init where there is nothing", async () => {
    const text = failed("force", await worker.skep("swarm", "init", "--force-new-cluster"));
    assert.match(text, /only a manager has the state/);
    const spare = must(cluster.spares[0], "the spare");
    const args = ["swarm", "init", "--force-new-cluster", "--advertise-addr", spare.host.ip];
    assert.match(await docker(spare, ...args), /Swarm initialized: current node/);
    assert.equal((await nodesOf(spare)).length, 1);
    await skep(spare, "swarm", "leave", "--force");
  });

  it("keeps everything but the other managers, at the address that is named", async () => {
    const before = await clusterFacts(survivor);
    const kept = await containers([survivor, worker]);
    assert.ok(kept.length > 0);
    for (const daemon of lost) await daemon.stop("SIGKILL");
    await until("the loss is noticed", 10_000, async () => {
      const scale = await survivor.skep("service", "scale", "-d", "web=6");
      return scale.exitCode !== 0 && noLeader.test(scale.stderr);
    });
    const link = (await survivor.host.exec(["ip", "-o", "route", "get", lost[0]?.host.ip ?? ""]))
      .split("dev ")[1]
      ?.split(" ")[0];
    await survivor.host.exec(["ip", "addr", "add", `${newIp}/24`, "dev", must(link, "a link")]);
    const args = ["swarm", "init", "--force-new-cluster", "--advertise-addr", newIp];
    assert.match(await docker(survivor, ...args), /Swarm initialized: current node/);
    assert.deepEqual(await clusterFacts(survivor), before);
    const nodes = await nodesOf(survivor);
    assert.equal(nodes.length, 4);
    for (const daemon of lost) {
      const node = must(
        nodes.find(({ Status }) => Status.Addr === daemon.host.ip),
        "the node",
      );
      assert.equal(node.ManagerStatus, undefined);
      assert.deepEqual([node.Spec.Role, node.Status.State], ["manager", "down"]);
    }
    const own = nodes.find(({ ManagerStatus }) => ManagerStatus !== undefined);
    assert.equal(own?.ManagerStatus?.Addr, `${newIp}:2377`);
    await cluster.converged("web", 6, { by: survivor });
    const now = await containers([survivor, worker]);
    assert.deepEqual(
      kept.filter((id) => !now.includes(id)),
      [],
      "what ran on nodes that are left runs on",
    );
    await until("the worker knows the new address", 10_000, async () => {
      const { Swarm } = await getJson<{ Swarm: { RemoteManagers: { Addr: string }[] } }>(
        worker,
        "/info",
      );
      return String(Swarm.RemoteManagers.map(({ Addr }) => Addr)) === `${newIp}:2377`;
    });
  });

  it("refuses the managers left behind, also when they are a majority of the old group", async () => {
    for (const daemon of lost) await daemon.start();
    for (const daemon of lost) {
      const info = await until("it says that it is out", 15_000, async () => {
        const { Swarm } = await getJson<{ Swarm: SwarmInfo }>(daemon, "/info");
        return Swarm.LocalNodeState === "error" ? Swarm : undefined;
      });
      assert.match(info.Error, leftBehind);
      assert.equal(info.ControlAvailable, false);
      assert.equal((await daemon.api("GET", "/nodes")).status, 503);
    }
    const nodes = await nodesOf(survivor);
    assert.equal(nodes.filter(({ Status }) => Status.State === "ready").length, 2);
    await cluster.converged("web", 6, { by: survivor });
  });

  it("takes them in again as new managers once they have left", async () => {
    for (const daemon of lost) {
      const old = await nodeIdOf(daemon);
      await skep(daemon, "swarm", "leave", "--force");
      assert.deepEqual(await containers([daemon]), [], "nothing of the old tasks is left");
      await joinSwarm(daemon, "manager", survivor);
      assert.notEqual(await nodeIdOf(daemon), old);
      await skep(survivor, "node", "rm", old);
    }
    await until("three reachable managers", 20_000, async () => {
      const nodes = await nodesOf(survivor);
      const reachable = nodes.filter((node) => node.ManagerStatus?.Reachability === "reachable");
      return reachable.length === 3 && nodes.length === 4;
    });
    await survivor.stop("SIGKILL");
    const other = must(lost[0], "another manager");
    await until("another leads", 10_000, async () => {
      return (await other.skep("service", "scale", "-d", "web=7")).exitCode === 0;
    });
    await survivor.start();
    await cluster.converged("web", 7, { by: survivor });
  });

  it("works on a manager whose daemon cannot go on by itself", async () => {
    for (const daemon of lost) await daemon.stop("SIGKILL");
    await survivor.stop();
    const path = join(survivor.host.stateDir, "d/swarm/member.json");
    const state = JSON.parse(readFileSync(path, "utf8")) as object;
    writeFileSync(path, JSON.stringify({ ...state, listenAddress: "192.0.2.1:2377" }));
    await survivor.start();
    const { Swarm } = await getJson<{ Swarm: SwarmInfo }>(survivor, "/info");
    assert.equal(Swarm.LocalNodeState, "error");
    const listen = ["--listen-addr", `${newIp}:2377`];
    await skep(survivor, "swarm", "init", "--force-new-cluster", ...listen);
    await cluster.converged("web", 7, { by: survivor });
  });

  async function containers(daemons: readonly TestDaemon[]): Promise<string[]> {
    return sorted((await cluster.containersOf("web", daemons)).map(({ id }) => id));
  }
});

// What must be as before: the cluster's id, tokens and settings, and all objects but nodes and tasks.
async function clusterFacts(daemon: TestDaemon): Promise<unknown> {
  const swarm = await getJson<{ ID: string; JoinTokens: unknown; TLSInfo: unknown }>(
    daemon,
    "/swarm",
  );
  const ids = async (path: string): Promise<string[]> => {
    const list = await getJson<{ ID?: string; Id?: string; Scope?: string }[]>(daemon, path);
    return sorted(
      list.filter(({ Scope }) => Scope !== "local").map(({ ID, Id }) => ID ?? Id ?? ""),
    );
  };
  return {
    id: swarm.ID,
    tokens: swarm.JoinTokens,
    root: swarm.TLSInfo,
    services: await ids("/services"),
    networks: await ids("/networks"),
  };
}
