import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import type { NodeJson } from "../../src/rest/wire/node.ts";
import {
  docker,
  failed,
  getJson,
  joinSwarm,
  nodeIdOf,
  nodesOf,
  pidsOf,
  skep,
  sorted,
  TestCluster,
} from "../support/test-cluster.ts";
import { binaries, type TestDaemon } from "../support/test-daemon.ts";
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
  this.timeout(180_000); // the steps have deadlines of their own, which say what they waited for
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
    // Without the checksum it counts as one of an earlier version.
    const { checksum: _, ...state } = JSON.parse(readFileSync(path, "utf8")) as {
      checksum?: string;
    };
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

describe("backup and restore", function () {
  this.timeout(90_000);
  let cluster: TestCluster;
  let folder = "";

  before(async () => {
    cluster = await TestCluster.create({
      managers: 1,
      workers: 2,
      spares: 2,
      images: [webImage("1")],
    });
    folder = cluster.first.host.stateDir;
    await docker(cluster.first, "swarm", "update", "--autolock");
    writeFileSync(join(folder, "secret"), "the word");
    await skep(cluster.first, "secret", "create", "word", join(folder, "secret"));
    await skep(cluster.first, "network", "create", "-d", "overlay", "net");
    const drain = ["node", "update", "--availability", "drain", await nodeIdOf(cluster.first)];
    await skep(cluster.first, ...drain);
    const create = "service create -d --name web --replicas 4 --no-healthcheck --network net";
    await skep(cluster.first, ...create.split(" "), "--secret", "word", "skep-web:1");
    await cluster.converged("web", 4);
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  it("writes a file that shows nothing, and a key that only its owner can read", async () => {
    const { first } = cluster;
    const [file, keyFile] = [join(folder, "a.backup"), join(folder, "a.key")];
    const said = await skep(first, "swarm", "backup", file, "--key-file", keyFile);
    assert.match(said, /Wrote .*a\.backup/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(keyFile).mode & 0o777, 0o600);
    const bytes = readFileSync(file);
    for (const text of ["the word", "SWMTKN", "SWMKEY", "PRIVATE KEY", "skep-web"]) {
      assert.equal(bytes.includes(text), false, text);
    }
    const again = failed("backup", await first.skep("swarm", "backup", file));
    assert.match(again, /exists already, and is not overwritten/);
    const shown = await skep(first, "swarm", "backup", join(folder, "b.backup"));
    assert.match(shown, /\n {4}SKBAK-1-[\w-]{43}\n/);
    const worker = must(cluster.workers[0], "a worker");
    const refused = failed("backup", await worker.skep("swarm", "backup", join(folder, "w")));
    assert.match(refused, /This node is not a swarm manager/);
    assert.equal(existsSync(join(folder, "w")), false);
  });

  it("refuses what is no good backup, or no place for one, and changes nothing", async () => {
    const spare = must(cluster.spares[0], "the spare");
    const [file, keyFile] = [join(folder, "a.backup"), join(folder, "a.key")];
    const good = readFileSync(file);
    const flipped = Buffer.from(good);
    flipped.writeUInt8(flipped.readUInt8(good.length >> 1) ^ 1, good.length >> 1);
    const cases: readonly [name: string, bytes: Buffer, want: RegExp][] = [
      ["foreign", readFileSync(binaries.skepd), /is no backup made by/],
      ["big", Buffer.alloc(64 * 1024 * 1024), /is no backup made by/],
      ["cut", good.subarray(0, -10), /the backup is cut short/],
      ["flipped", flipped, /part \d+ of the backup is damaged/],
      ["long", Buffer.concat([good, good]), /goes on after its end/],
    ];
    for (const [name, bytes, want] of cases) {
      writeFileSync(join(folder, name), bytes);
      const restore = ["swarm", "restore", join(folder, name), "--key-file", keyFile];
      assert.match(failed(name, await spare.skep(...restore)), want);
    }
    const otherKey = join(folder, "other.key");
    writeFileSync(otherKey, `SKBAK-1-${"A".repeat(43)}\n`);
    const wrong = await spare.skep("swarm", "restore", file, "--key-file", otherKey);
    assert.match(failed("another key", wrong), /the key is not this backup's/);
    const { Swarm } = await getJson<{ Swarm: SwarmInfo }>(spare, "/info");
    assert.equal(Swarm.LocalNodeState, "inactive");
    assert.equal(existsSync(join(spare.host.stateDir, "d/swarm/member.json")), false);
    const member = await cluster.first.skep("swarm", "restore", file, "--key-file", keyFile);
    assert.match(failed("in a swarm", member), /This node is already part of a swarm/);
  });

  it("brings the cluster back at the same address; workers' containers never stop", async () => {
    const { first, workers } = cluster;
    const [file, keyFile] = [join(folder, "c.backup"), join(folder, "c.key")];
    await skep(first, "swarm", "backup", file, "--key-file", keyFile);
    const before = await clusterFacts(first);
    const unlockKey = await skep(first, "swarm", "unlock-key", "-q");
    const containers = pidsOf(await cluster.containersOf("web", workers));
    assert.equal(containers.size, 4);
    // What happens after the backup is lost.
    await skep(first, "service", "create", "-d", "--name", "late", "--replicas", "0", "skep-web:1");
    await first.stop("SIGKILL");
    rmSync(join(first.host.stateDir, "d/swarm"), { recursive: true });
    await first.start();
    const address = ["--advertise-addr", first.host.ip];
    const said = await skep(first, "swarm", "restore", file, "--key-file", keyFile, ...address);
    assert.match(said, /is restored as of .*This node \(\w+\) is its one manager now/s);
    assert.deepEqual(await clusterFacts(first), before);
    assert.equal(await skep(first, "swarm", "unlock-key", "-q"), unlockKey);
    await until("both workers are back", 30_000, async () => {
      const nodes = await nodesOf(first);
      const ready = nodes.filter(({ Status }) => Status.State === "ready");
      return ready.length === 3 && nodes.length === 4;
    });
    await cluster.converged("web", 4);
    assert.deepEqual(pidsOf(await cluster.containersOf("web", workers)), containers);
    await skep(first, "service", "scale", "-d", "web=5");
    await cluster.converged("web", 5);
  });

  it("keeps autolock, and takes new nodes in with the old tokens", async () => {
    const { first } = cluster;
    const unlockKey = (await skep(first, "swarm", "unlock-key", "-q")).trim();
    const spare = must(cluster.spares[0], "the spare");
    await joinSwarm(spare, "manager", first);
    await until("two reachable managers", 20_000, async () => {
      const nodes = await nodesOf(first);
      return nodes.filter((node) => node.ManagerStatus?.Reachability === "reachable").length === 2;
    });
    await first.stop("SIGKILL");
    await first.start();
    const { Swarm } = await getJson<{ Swarm: SwarmInfo }>(first, "/info");
    assert.equal(Swarm.LocalNodeState, "locked");
    const { status } = await first.api("POST", "/swarm/unlock", { UnlockKey: unlockKey });
    assert.equal(status, 200);
    await cluster.converged("web", 5);
  });

  it("comes back on another host; workers are told where, and their containers run on", async () => {
    const { first, workers } = cluster;
    const [second, spare] = [
      must(cluster.spares[0], "a manager"),
      must(cluster.spares[1], "a host"),
    ];
    const [file, keyFile] = [join(folder, "d.backup"), join(folder, "d.key")];
    await skep(first, "swarm", "backup", file, "--key-file", keyFile);
    const containers = pidsOf(await cluster.containersOf("web", workers));
    const token = (await skep(first, "swarm", "join-token", "-q", "worker")).trim();
    await first.stop("SIGKILL");
    await second.stop("SIGKILL");
    const address = ["--advertise-addr", spare.host.ip];
    await skep(spare, "swarm", "restore", file, "--key-file", keyFile, ...address);
    for (const worker of workers) {
      // Refused as for any member, until the worker has noticed that its manager is gone.
      const join = ["swarm", "join", "--token", token, `${spare.host.ip}:2377`];
      await until("a worker is told", 20_000, async () => {
        return (await worker.skep(...join)).exitCode === 0;
      });
    }
    await until("both workers are back", 20_000, async () => {
      const nodes = await nodesOf(spare);
      return nodes.filter(({ Status }) => Status.State === "ready").length === 3;
    });
    await cluster.converged("web", 5, { by: spare });
    const now = pidsOf(await cluster.containersOf("web", workers));
    for (const [task, pid] of containers) assert.equal(now.get(task), pid, `task ${task}`);
    const other = `SWMTKN-1-${"0".repeat(50)}-${"0".repeat(25)}`;
    const worker = must(workers[0], "a worker");
    const args = ["swarm", "join", "--token", other, `${spare.host.ip}:2377`];
    assert.match(failed("join", await worker.skep(...args)), /already part of a swarm/);
  });
});

describe("managers that come and go", function () {
  this.timeout(90_000);
  let cluster: TestCluster;
  let first: TestDaemon;
  let second: TestDaemon;
  let third: TestDaemon;
  let worker: TestDaemon;

  before(async () => {
    cluster = await TestCluster.create({ managers: 3, workers: 1 });
    [first, second, third] = [0, 1, 2].map((at) => must(cluster.managers[at], "a manager")) as [
      TestDaemon,
      TestDaemon,
      TestDaemon,
    ];
    worker = must(cluster.workers[0], "the worker");
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  // Any of the daemons may lead here, and any may not be a manager.
  async function leading(): Promise<TestDaemon> {
    return await until("a leader", 15_000, async () => {
      for (const daemon of cluster.daemons) {
        const nodes = await nodesOf(daemon).catch(() => []);
        const leader = nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader === true);
        const ip = leader?.ManagerStatus?.Addr?.split(":")[0];
        if (ip !== undefined) return cluster.daemons.find(({ host }) => host.ip === ip);
      }
      return undefined;
    });
  }

  async function nodeOf(id: string, by = first): Promise<NodeJson | undefined> {
    return (await nodesOf(by)).find(({ ID }) => ID === id);
  }

  async function reachable(count: number, by = first): Promise<void> {
    await until(`${count} reachable managers`, 20_000, async () => {
      const nodes = await nodesOf(by).catch(() => []);
      const found = nodes.filter((node) => node.ManagerStatus?.Reachability === "reachable");
      return found.length === count;
    });
  }

  it("refuses what would cost the quorum, and takes the lost manager out instead", async () => {
    const [secondId, thirdId] = [await nodeIdOf(second), await nodeIdOf(third)];
    await third.stop("SIGKILL");
    await until("its loss is shown", 10_000, async () => {
      return (await nodeOf(thirdId))?.ManagerStatus?.Reachability === "unreachable";
    });
    const demote = failed("demote", await first.skep("node", "demote", secondId));
    assert.match(demote, /this would result in a loss of quorum/);
    await until("it is down", 20_000, async () => {
      return (await nodeOf(thirdId))?.Status.State === "down";
    });
    const remove = failed("rm", await first.skep("node", "rm", "--force", thirdId));
    assert.match(remove, /It must be demoted to worker before removal/);
    await skep(first, "node", "demote", thirdId);
    await until("two managers are left", 10_000, async () => {
      const node = await nodeOf(thirdId);
      return node?.ManagerStatus === undefined && node?.Spec.Role === "worker";
    });
    await third.start();
    await until("it came back as a worker", 20_000, async () => {
      const { Swarm } = await getJson<{ Swarm: SwarmInfo }>(third, "/info");
      const node = await nodeOf(thirdId);
      return !Swarm.ControlAvailable && node?.Status.State === "ready";
    });
    await reachable(2);
  });

  it("makes a manager of a node that was down when it was promoted", async () => {
    const id = await nodeIdOf(worker);
    await worker.stop("SIGKILL");
    await until("it is down", 25_000, async () => (await nodeOf(id))?.Status.State === "down");
    await skep(first, "node", "promote", id);
    await worker.start();
    await reachable(3);
    await until(
      "it answers",
      10_000,
      async () => (await worker.api("GET", "/nodes")).status === 200,
    );
  });

  it("goes on when the leader leaves with force; its node can be removed", async () => {
    const leader = await leading();
    const others = [first, second, worker].filter((daemon) => daemon !== leader);
    const by = must(others[0], "another manager");
    const id = await nodeIdOf(leader);
    const warning = failed("leave", await leader.skep("swarm", "leave"));
    assert.match(warning, /participating as a manager.*--force-new-cluster/s);
    await skep(leader, "swarm", "leave", "--force");
    await reachable(2, by);
    await until("it is down", 25_000, async () => (await nodeOf(id, by))?.Status.State === "down");
    await skep(by, "node", "rm", id);
    await joinSwarm(leader, "manager", by);
    await reachable(3, by);
    assert.notEqual(await nodeIdOf(leader), id);
  });

  it("goes down to one manager, and not further", async () => {
    const leader = await leading();
    const leaderId = await nodeIdOf(leader);
    const nodes = await nodesOf(leader);
    const others = nodes.filter(({ ID, ManagerStatus }) => ID !== leaderId && ManagerStatus);
    for (const { ID } of others) await skep(leader, "node", "demote", ID);
    await reachable(1, leader);
    await until("the others are workers", 15_000, async () => {
      const roles = (await nodesOf(leader)).filter(({ Spec }) => Spec.Role === "manager");
      return roles.length === 1;
    });
    const demote = failed("demote", await leader.skep("node", "demote", leaderId));
    assert.match(demote, /attempting to demote the last manager of the swarm/);
    const leave = failed("leave", await leader.skep("swarm", "leave"));
    assert.match(leave, /Removing the last manager erases all current state of the swarm/);
  });

  it("refuses a node that was removed, and says so on it", async () => {
    const leader = await leading();
    const nodes = await nodesOf(leader);
    const daemon = [first, second, third, worker].find((other) => other !== leader);
    const removed = must(daemon, "a worker");
    const id = await nodeIdOf(removed);
    assert.ok(nodes.some(({ ID }) => ID === id));
    await skep(leader, "node", "rm", "--force", id);
    const info = await until("it knows", 15_000, async () => {
      const { Swarm } = await getJson<{ Swarm: SwarmInfo }>(removed, "/info");
      return Swarm.LocalNodeState === "error" ? Swarm : undefined;
    });
    assert.match(info.Error, /was removed from the cluster.*swarm leave --force/s);
    await skep(removed, "swarm", "leave", "--force");
    await joinSwarm(removed, "worker", leader);
    const newId = await nodeIdOf(removed);
    await until("it is ready", 10_000, async () => {
      return (await nodeOf(newId, leader))?.Status.State === "ready";
    });
  });
});
