import { strict as assert } from "node:assert";
import { type AddressInfo, createServer } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import { isClusterError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { type Message, makeMessage } from "../../src/raft/core/types.ts";
import { GrpcTransport } from "../../src/raft/transport/grpc-transport.ts";
import { encodeMessage } from "../../src/raft/transport/message-codec.ts";
import { raftProtocol, serveRaft } from "../../src/raft/transport/raft-service.ts";
import type { TransportHandler } from "../../src/raft/transport/raft-transport.ts";
import { ChannelPool } from "../../src/rpc/channel-pool.ts";
import { fixedIdentity } from "../../src/rpc/credentials.ts";
import { RpcServer } from "../../src/rpc/server.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { aConfState } from "../support/raft-memory-storage.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { TestCa } from "../support/test-certificates.ts";
import { until } from "../support/until.ts";

const log = silentLogger;
const sizeBytes = 6 * 1024 * 1024;

/** What a member would get. */
class Inbox implements TransportHandler {
  readonly messages: Message[] = [];
  readonly snapshots: Buffer[] = [];
  started = 0;

  receive(message: Message): void {
    this.messages.push(message);
  }

  readonly unreached: string[] = [];

  unreachable(raftId: number, isGone = false): void {
    this.unreached.push(`${raftId} ${isGone ? "gone" : "lost"}`);
  }

  async receiveSnapshot(_: Message, __: unknown, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.started += 1;
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(Buffer.from(chunk));
    this.snapshots.push(Buffer.concat(parts));
  }
}

// Broken connections are opened again by gRPC after a second.
describe("raft transport over gRPC", function () {
  this.timeout(30_000);
  let ca: TestCa;
  const closing: (() => Promise<void> | void)[] = [];

  before(() => {
    ca = new TestCa("cluster-a");
  });

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  after(() => ca.remove());

  async function host(raftId: number) {
    const identity = fixedIdentity(ca.identity(`node${raftId}`, "manager"));
    const server = new RpcServer({ identity, log });
    const channels = new ChannelPool({ identity, log });
    const deps = { channels, clock: systemClock, random: seededRandom(raftId), log };
    const transport = new GrpcTransport({ raftId }, deps);
    serveRaft(server, { raftId, handler: () => transport.handler });
    const port = await server.listen("127.0.0.1:0");
    const inbox = new Inbox();
    transport.start(inbox);
    closing.push(async () => {
      await transport.stop();
      channels.stop();
      await server.stop(0);
    });
    const member = { raftId, nodeId: `node${raftId}`, address: `127.0.0.1:${port}` };
    return { member, port, channels, transport, inbox };
  }

  /** The first connection through a proxy is the one for messages, which is not cut. */
  const link = Number.POSITIVE_INFINITY;
  const bytes = Buffer.alloc(sizeBytes, "a snapshot of some length; ");
  const snapshot = {
    ...{ index: 9, term: 2, confState: aConfState([1, 2]), members: [] },
    sizeBytes,
  };
  const snapMessage = { ...makeMessage("MsgSnap", 2, { term: 3 }), from: 1 };

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < sizeBytes; at += 100_000) yield bytes.subarray(at, at + 100_000);
  }

  it("sends a snapshot on from where its stream broke, twice", async () => {
    const [sender, receiver] = [await host(1), await host(2)];
    const members = [sender.member, receiver.member];
    receiver.transport.setMembers(members);
    const proxy = await CuttingProxy.open(receiver.port, [link, 2_500_000, 2_500_000]);
    closing.push(() => proxy.close());
    const reached = { ...receiver.member, address: proxy.address };
    sender.transport.setMembers([sender.member, reached]);
    let reads = 0;
    await sender.transport.sendSnapshot(snapMessage, snapshot, () => {
      reads += 1;
      return chunks();
    });
    assert.deepEqual(
      receiver.inbox.snapshots.map((taken) => taken.equals(bytes)),
      [true],
    );
    assert.equal(receiver.inbox.started, 1, "it was stored in one go");
    assert.equal(reads, 3, "one stream for each cut, and the last one");
    // Without going on, 2.5 + 2.5 + 6 MiB; the windows under way at the cuts are sent again.
    assert.ok(proxy.forwardedBytes < sizeBytes + 4_000_000, `${proxy.forwardedBytes} bytes`);
  });

  it("gives up a snapshot after a bounded number of streams", async () => {
    const [sender, receiver] = [await host(1), await host(2)];
    receiver.transport.setMembers([sender.member, receiver.member]);
    const proxy = await CuttingProxy.open(receiver.port, [link, ...Array(100).fill(200_000)]);
    closing.push(() => proxy.close());
    sender.transport.setMembers([{ ...receiver.member, address: proxy.address }]);
    await assert.rejects(sender.transport.sendSnapshot(snapMessage, snapshot, chunks), (error) =>
      isClusterError(error),
    );
    assert.deepEqual(receiver.inbox.snapshots, []);
  });

  it("tells a peer whose port refuses connections from one that only drops them", async () => {
    const sender = await host(1);
    const dropping = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => dropping.listen(0, "127.0.0.1", resolve));
    const { port } = dropping.address() as AddressInfo;
    const [ended, deaf] = [await host(2), { raftId: 3, nodeId: "node3" }];
    await closing.pop()?.(); // the second's server no longer listens
    closing.push(() => void dropping.close());
    const members = [sender.member, ended.member, { ...deaf, address: `127.0.0.1:${port}` }];
    sender.transport.setMembers(members);
    const told = (): Set<string> => new Set(sender.inbox.unreached);
    await until("both are told", 10_000, () => told().size >= 2);
    assert.deepEqual(told(), new Set(["2 gone", "3 lost"]));
  });

  it("answers a leader that it does not know over that leader's own stream", async () => {
    const [away, leader] = [await host(2), await host(5)];
    away.transport.setMembers([
      { raftId: 1, nodeId: "node1", address: "127.0.0.1:1" },
      away.member,
    ]);
    leader.transport.setMembers([away.member, leader.member]);
    leader.transport.send({ ...makeMessage("MsgHeartbeat", 2, { term: 3 }), from: 5 });
    await until("message 1", 8_000, () => away.inbox.messages.length === 1, 2);
    away.transport.send({ ...makeMessage("MsgHeartbeatResp", 5, { term: 3 }), from: 2 });
    await until("message 1", 8_000, () => leader.inbox.messages.length === 1, 2);
    assert.deepEqual(leader.inbox.messages[0]?.type, "MsgHeartbeatResp");
    // In no other's name, and nothing but what a follower or a voter says.
    away.transport.send({ ...makeMessage("MsgHeartbeatResp", 5, { term: 3 }), from: 1 });
    away.transport.send({ ...makeMessage("MsgVote", 5, { term: 4 }), from: 2 });
    away.transport.send({ ...makeMessage("MsgAppResp", 5, { term: 3 }), from: 2 });
    await until("message 2", 8_000, () => leader.inbox.messages.length === 2, 2);
    assert.deepEqual(leader.inbox.messages[1]?.type, "MsgAppResp");
  });

  it("gives a candidate that it does not know its vote over that candidate's own stream", async () => {
    const [away, candidate] = [await host(2), await host(5)];
    away.transport.setMembers([away.member]);
    candidate.transport.setMembers([away.member, candidate.member]);
    for (const [asks, answers] of [
      ["MsgPreVote", "MsgPreVoteResp"],
      ["MsgVote", "MsgVoteResp"],
    ] as const) {
      candidate.transport.send({ ...makeMessage(asks, 2, { term: 3 }), from: 5 });
      await until(asks, 8_000, () => away.inbox.messages.at(-1)?.type === asks, 2);
      away.transport.send({ ...makeMessage(answers, 5, { term: 3 }), from: 2 });
      await until(answers, 8_000, () => candidate.inbox.messages.at(-1)?.type === answers, 2);
    }
  });

  it("takes messages only in the name of the certificate's node", async () => {
    const [receiver, impostor] = [await host(2), await host(3)];
    receiver.transport.setMembers([
      { raftId: 1, nodeId: "node1", address: "127.0.0.1:1" },
      receiver.member,
      impostor.member,
    ]);
    const send = async (message: Message): Promise<void> => {
      const { member, inbox } = receiver;
      const before = inbox.messages.length;
      let refusal: unknown;
      const link = impostor.channels.link(member.address, raftProtocol, {
        ...{ onOpen() {}, onMessage() {}, onDrain() {} },
        onEnd: (reason) => {
          refusal = reason;
        },
      });
      link.send(encodeMessage(message));
      const isHeard = (): boolean => refusal !== undefined || inbox.messages.length > before;
      await until("it is heard", 8_000, isHeard, 2);
      link.close();
      if (refusal !== undefined) throw refusal;
    };
    await send({ ...makeMessage("MsgVote", 2, { term: 3 }), from: 3 });
    assert.equal(receiver.inbox.messages.length, 1);
    await assert.rejects(send({ ...makeMessage("MsgVote", 2, { term: 3 }), from: 1 }), (error) =>
      isRefusal(error, /raft member 1 is node node1, and not node node3/),
    );
    await assert.rejects(
      send({ ...makeMessage("MsgAppResp", 2, { term: 3 }), from: 77 }),
      (error) => isRefusal(error, /raft member 77 \(node node3\) is not known/),
    );
    await assert.rejects(impostor.transport.sendSnapshot(snapMessage, snapshot, chunks), (error) =>
      isClusterError(error, "NOT_FOUND"),
    );
    impostor.transport.setMembers([receiver.member]);
    await assert.rejects(impostor.transport.sendSnapshot(snapMessage, snapshot, chunks), (error) =>
      isRefusal(error, /speaks in its name/),
    );
    receiver.transport.setMembers([receiver.member]);
    await assert.rejects(send({ ...makeMessage("MsgVote", 2, { term: 3 }), from: 3 }), (error) =>
      isRefusal(error, /raft member 3 \(node node3\) was removed/),
    );
    assert.equal(receiver.inbox.messages.length, 1);
  });
});

function isRefusal(error: unknown, text: RegExp): boolean {
  assert.ok(isClusterError(error, "PERMISSION_DENIED"), String(error));
  assert.match(error.message, text);
  return true;
}
