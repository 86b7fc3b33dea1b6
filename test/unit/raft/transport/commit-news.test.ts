import assert from "node:assert/strict";
import { silentLogger } from "../../../../src/base/log.ts";
import { type Message, makeMessage } from "../../../../src/raft/core/types.ts";
import { decodeMessage } from "../../../../src/raft/transport/message-codec.ts";
import { Peer } from "../../../../src/raft/transport/peer.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";
import { entry } from "../../../support/raft-core.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

describe("an append that only tells a new commit index", () => {
  it("goes by itself after 20 ms without entries", async () => {
    const { clock, peer, sent } = peerOnFakes();
    peer.send(append(7));
    await clock.run(19);
    assert.deepEqual(sent, []);
    await clock.run(1);
    assert.deepEqual(sent, ["MsgApp 7 +0"]);
    peer.stop();
  });

  it("is left out when entries follow, however often", async () => {
    const { clock, peer, sent } = peerOnFakes();
    for (let commit = 1; commit <= 5; commit += 1) {
      peer.send(append(commit));
      await clock.run(15);
      peer.send(append(commit, commit + 1));
      await clock.run(1);
    }
    assert.deepEqual(
      sent,
      [1, 2, 3, 4, 5].map((commit) => `MsgApp ${commit} +1`),
    );
    await clock.run(100);
    assert.equal(sent.length, 5);
    peer.stop();
  });

  it("does not hold other messages up", async () => {
    const { clock, peer, sent } = peerOnFakes();
    peer.send(append(7));
    peer.send(makeMessage("MsgHeartbeat", 2, { commit: 7 }));
    await settle();
    assert.deepEqual(sent, ["MsgHeartbeat 7 +0"]);
    await clock.run(20);
    assert.deepEqual(sent.slice(1), ["MsgApp 7 +0"]);
    peer.stop();
  });
});

function append(commit: number, index?: number): Message {
  return makeMessage("MsgApp", 2, {
    commit,
    entries: index === undefined ? [] : [entry(index, 1)],
  });
}

function peerOnFakes(): { clock: FakeClock; peer: Peer; sent: string[] } {
  const clock = new FakeClock();
  const sent: string[] = [];
  const link = {
    isFull: false,
    send(bytes: Uint8Array): void {
      const { type, commit, entries } = decodeMessage(Buffer.from(bytes));
      sent.push(`${type} ${commit} +${entries.length}`);
    },
    close() {},
  };
  const peer = new Peer("10.0.0.2:2377", {
    channels: { link: () => link },
    clock,
    random: seededRandom(1),
    log: silentLogger,
    onUnreachable: () => {},
    onAnswer: () => {},
  });
  return { clock, peer, sent };
}
