import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { RaftNode } from "../../src/raft/node/raft-node.ts";
import { DataKeys } from "../../src/raft/storage/data-keys.ts";
import { FileSnapshotStore } from "../../src/raft/storage/file-snapshot-store.ts";
import { LevelLog } from "../../src/raft/storage/level-log.ts";
import type { RaftMember } from "../../src/raft/storage/snapshot-store.ts";
import { GrpcTransport } from "../../src/raft/transport/grpc-transport.ts";
import { serveRaft } from "../../src/raft/transport/raft-service.ts";
import { ChannelPool } from "../../src/rpc/channel-pool.ts";
import { fixedIdentity } from "../../src/rpc/credentials.ts";
import { RpcServer } from "../../src/rpc/server.ts";
import { ListMachine } from "../support/raft-group.ts";
import { TestCa } from "../support/test-certificates.ts";

interface Host {
  readonly member: RaftMember;
  readonly server: RpcServer;
  readonly channels: ChannelPool;
  readonly transport: GrpcTransport;
  readonly machine: ListMachine;
  node?: RaftNode;
}

// Sockets and disks are real here, so time is too; nothing waits longer than it must.
describe("raft over gRPC and LevelDB", () => {
  const log = silentLogger;
  const seal = DataKeys.create(systemRandom);
  let ca: TestCa;
  let folder: string;
  const hosts: Host[] = [];

  before(async () => {
    ca = new TestCa("cluster-a");
    folder = await mkdtemp(join(tmpdir(), "skep-raft-"));
  });

  after(async () => {
    for (const { node, channels, server } of hosts) {
      await node?.stop();
      channels.stop();
      await server.stop(0);
    }
    ca.remove();
    await rm(folder, { recursive: true, force: true });
  });

  async function host(raftId: number): Promise<Host> {
    const identity = fixedIdentity(ca.identity(`node${raftId}`, "manager"));
    const server = new RpcServer({ identity, log });
    const channels = new ChannelPool({ identity, log });
    const deps = { channels, clock: systemClock, random: systemRandom, log };
    const transport = new GrpcTransport({ raftId }, deps);
    serveRaft(server, { raftId, handler: () => transport.handler });
    const address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
    const member = { raftId, nodeId: `node${raftId}`, address };
    const made = { member, server, channels, transport, machine: new ListMachine() };
    hosts.push(made);
    return made;
  }

  async function start(on: Host, options: { bootstrap?: boolean; peers?: readonly RaftMember[] }) {
    on.node = await RaftNode.start(
      {
        ...{ tickMs: 20, electionTicks: 10, heartbeatTicks: 1 },
        ...{ snapshotEntries: () => 40, snapshotBytes: 1e9, keepEntries: 5 },
        ...on.member,
        ...options,
      },
      {
        storage: await LevelLog.open(join(folder, on.member.nodeId), { seal }),
        snapshots: await FileSnapshotStore.open(join(folder, on.member.nodeId, "snapshots"), {
          seal,
          log,
        }),
        transport: on.transport,
        stateMachine: on.machine,
        clock: systemClock,
        random: systemRandom,
        log,
      },
    );
    return on.node;
  }

  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + 8_000;
    while (!condition()) {
      assert.ok(performance.now() < deadline, `never happened: ${condition}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it("joins members, brings one up by a snapshot, and survives its leader", async () => {
    const first = await host(1);
    const leader = await start(first, { bootstrap: true });
    await until(() => leader.status().role === "leader");
    const proposals = Array.from({ length: 100 }, (_, i) => leader.propose(Buffer.from(`p${i}`)));
    await Promise.all(proposals);
    for (const raftId of [2, 3]) {
      const joiner = await host(raftId);
      await leader.addMember(joiner.member);
      await start(joiner, { peers: leader.status().members });
    }
    await until(() => leader.status().voters.length === 3);
    await leader.propose(Buffer.from("three"));
    await until(() => hosts.every(({ machine }) => machine.items.length === 101));
    assert.ok(hosts.slice(1).every(({ machine }) => machine.restores === 1));
    await leader.readIndex();
    await until(() => leader.reachable(2) && leader.reachable(3));

    await leader.stop();
    await first.server.stop(0);
    delete first.node;
    const rest = hosts.slice(1);
    await until(() => rest.some(({ node }) => node?.status().role === "leader"));
    const next = rest.find(({ node }) => node?.status().role === "leader");
    await next?.node?.propose(Buffer.from("after"));
    await until(() => rest.every(({ machine }) => machine.items.at(-1) === "after"));
    await until(() => next?.node?.reachable(1) === false);
  });
});
