import assert from "node:assert/strict";
import { ClusterError, isClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemRandom } from "../../../src/base/random.ts";
import { makeCluster } from "../../../src/manager/cluster-init.ts";
import { Manager, type RaftParts } from "../../../src/manager/manager.ts";
import { networkReaper } from "../../../src/manager/network-reaper.ts";
import { joinRaft, raftMembershipHandlers } from "../../../src/manager/raft-membership.ts";
import { ChannelPool } from "../../../src/rpc/channel-pool.ts";
import { fixedIdentity } from "../../../src/rpc/credentials.ts";
import { aNetwork, aNode, aTask } from "../../support/builders.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { FakeRaft } from "../../support/fake-raft.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

const address = "10.0.0.1:2377";

class Setup {
  readonly clock = new FakeClock(Date.UTC(2026, 0, 15));
  readonly services = new Set<string>();
  readonly made = makeCluster(
    { address, availability: "ACTIVE", spec: {}, addressPools: [], subnetSize: 0, vxlanPort: 0 },
    { random: systemRandom, nowMs: this.clock.now() },
  );
  readonly raft = new FakeRaft(this.made.raftId, [
    { raftId: this.made.raftId, nodeId: this.made.identity.nodeId, address },
  ]);
  readonly channels = new ChannelPool({
    identity: fixedIdentity(this.made.identity),
    log: silentLogger,
  });

  start(): Promise<Manager> {
    const { made, raft, clock, channels } = this;
    return Manager.start(
      { nodeId: made.identity.nodeId, raftId: made.raftId, address, bootstrap: made },
      {
        startRaft: async ({ stateMachine }: RaftParts) => {
          raft.stateMachine = stateMachine;
          return raft;
        },
        onRaftId: async () => {},
        managers: () => [],
        channels,
        server: {
          add: (service) => void this.services.add(service),
          remove: (service) => void this.services.delete(service),
        },
        clock,
        random: systemRandom,
        log: silentLogger,
      },
    );
  }
}

describe("manager", () => {
  let setup: Setup;
  let manager: Manager;
  beforeEach(async () => {
    setup = new Setup();
    manager = await setup.start();
  });
  afterEach(async () => {
    await manager.stop();
    setup.channels.stop();
  });

  it("the first one makes the cluster and leads it", async () => {
    const { cluster } = await manager.control.getCluster({});
    assert.equal(cluster?.spec?.annotations?.name, "default");
    assert.match(cluster?.rootCa?.joinTokens?.worker ?? "", /^SWMTKN-1-/);
    const { nodes } = await manager.control.listNodes({});
    assert.deepEqual(
      nodes.map(({ id, role }) => [id, role]),
      [[setup.made.identity.nodeId, "MANAGER"]],
    );
    assert.equal(manager.isLeader(), true);
    assert.equal(manager.leaderAddress(), address);
    assert.deepEqual(
      setup.services,
      new Set(["Control", "Dispatcher", "Health", "LogBroker", "Logs", "NodeCa", "RaftMembership"]),
    );
  });

  it("takes requests in their short form, as over the wire", async () => {
    const { config } = await manager.control.createConfig({
      spec: { annotations: { name: "c" }, data: Buffer.from("x") },
    });
    assert.deepEqual(config?.spec?.annotations?.labels, {});
  });

  it("without a leader: Swarm's text within 5 s", async () => {
    setup.raft.lead(0);
    await settle();
    assert.equal(manager.isLeader(), false);
    const work = manager.control.listNodes({});
    const checked = assert.rejects(work, (error) => {
      assert(isClusterError(error, "UNAVAILABLE"));
      assert.match(
        error.message,
        /^The swarm does not have a leader\. It's possible that too few managers/,
      );
      return true;
    });
    await setup.clock.run(5_100);
    await checked;
  });

  it("leads again after losing the leadership", async () => {
    setup.raft.lead(0);
    await settle();
    setup.raft.lead(setup.raft.ownId);
    await settle();
    assert.equal(manager.isLeader(), true);
    await manager.control.getCluster({});
  });

  it("does not serve removed nodes", async () => {
    const cluster = manager.store.view().cluster();
    assert(cluster !== undefined);
    await manager.store.update((tx) =>
      tx.update("cluster", {
        ...cluster,
        blacklistedCertificates: [{ nodeId: "gone", expiry: null }],
      }),
    );
    assert.match(manager.refusalOf({ nodeId: "gone", role: "worker" }) ?? "", /was removed/);
    assert.equal(manager.refusalOf({ nodeId: "other", role: "worker" }), undefined);
  });

  it("tells changes", async () => {
    const abort = new AbortController();
    const seen: string[] = [];
    const done = (async () => {
      for await (const { action, object } of manager.control.watch(abort.signal)) {
        seen.push(`${action} ${object}`);
        if (object === "config") abort.abort();
      }
    })();
    await manager.control.createConfig({
      spec: { annotations: { name: "c" }, data: Buffer.from("x") },
    });
    await done;
    assert(seen.includes("create config"));
  });

  it("stops everything it began", async () => {
    await manager.stop();
    await settle();
    assert.equal(setup.clock.pending, 0);
    assert.equal(setup.services.size, 0);
  });
});

describe("manager: raft membership", () => {
  const context = (nodeId: string) => ({
    peer: { nodeId, role: "manager" as const },
    signal: new AbortController().signal,
    remoteAddress: "10.0.0.7:4000",
  });

  function handlers(dial: () => Promise<unknown> = async () => ({})) {
    const { store, seed } = createMemoryStore();
    seed(
      "node",
      aNode({ id: "m2", role: "MANAGER", spec: { annotations: {}, desiredRole: "MANAGER" } }),
      aNode({ id: "w1" }),
    );
    const raft = new FakeRaft(1, [{ raftId: 1, nodeId: "m1", address }]);
    const dialled: string[] = [];
    const channels = {
      async unary<I, O>(to: string, _service: string, _method: string, _request: I): Promise<O> {
        dialled.push(to);
        return (await dial()) as O;
      },
    };
    return {
      raft,
      dialled,
      ...raftMembershipHandlers({
        raft: () => raft,
        store,
        channels,
        random: systemRandom,
      }),
    };
  }

  it("a manager that can be dialled back is taken in", async () => {
    const { join, raft, dialled } = handlers();
    const { raftId, members } = await join({ address: "0.0.0.0:2378" }, context("m2"));
    assert.deepEqual(dialled, ["10.0.0.7:2378"]);
    assert.deepEqual(raft.calls, ["add m2"]);
    assert.equal(members?.length, 2);
    assert(Number(raftId) > 0);
  });

  it("refusals", async () => {
    const failing = handlers(async () => {
      throw new ClusterError("UNAVAILABLE", "no route");
    });
    await assert.rejects(
      failing.join({ address: "1.2.3.4:1" }, context("m2")),
      /could not connect to prospective new cluster member/,
    );
    const { join, leave, raft } = handlers();
    await assert.rejects(
      join({ address: "1.2.3.4:1" }, context("w1")),
      /not meant to be a manager/,
    );
    await assert.rejects(leave({ nodeId: "m1" }, context("m2")), /only take itself out/);
    raft.lead(0);
    await assert.rejects(join({ address: "1.2.3.4:1" }, context("m2")), (error) =>
      isClusterError(error, "NOT_LEADER"),
    );
  });

  it("one that comes back without its log gets a new id", async () => {
    const { join, raft } = handlers();
    const first = await join({ address: "1.2.3.4:1" }, context("m2"));
    const second = await join({ address: "1.2.3.4:1" }, context("m2"));
    assert.deepEqual(raft.calls, ["add m2", `remove ${String(first.raftId)}`, "add m2"]);
    assert.notEqual(first.raftId, second.raftId);
  });

  it("a joiner follows the leader's address and tries again", async () => {
    const clock = new FakeClock();
    const asked: string[] = [];
    const channels = {
      async unary<I, O>(to: string, _service: string, _method: string, _request: I): Promise<O> {
        asked.push(to);
        if (to === "a:1")
          throw new ClusterError("NOT_LEADER", "x", { details: { leaderAddress: "b:1" } });
        if (asked.length < 4) throw new ClusterError("UNAVAILABLE", "x");
        return { raftId: 5, members: [] } as O;
      },
    };
    const joining = joinRaft(
      address,
      { channels, managers: () => ["a:1"], clock, random: systemRandom, log: silentLogger },
      new AbortController().signal,
    );
    await clock.run(5_000);
    assert.equal((await joining).raftId, 5);
    assert.deepEqual(asked, ["a:1", "b:1", "a:1", "b:1"]);
  });
});

describe("manager: network reaper", () => {
  it("waits for the last task", () => {
    const { store, seed } = createMemoryStore();
    const context = { nowMs: 0, newId: () => "x" };
    seed("network", aNetwork({ pendingDelete: true }));
    seed("task", aTask({ networks: [{ networkId: "network1" }] }));
    assert.equal(networkReaper.reconcile(store.view(), "network1", context).changes.length, 0);
    const other = createMemoryStore();
    other.seed("network", aNetwork({ pendingDelete: true }));
    other.seed(
      "task",
      aTask({ status: { state: "SHUTDOWN" }, networks: [{ networkId: "network1" }] }),
    );
    assert.equal(
      networkReaper.reconcile(other.store.view(), "network1", context).changes.length,
      1,
    );
    assert.deepEqual([...networkReaper.allKeys(other.store.view())], ["network1"]);
  });
});
