import { strict as assert } from "node:assert";
import { decodeCounter, encodeCounter } from "../../../../src/raft/core/read-only.ts";
import type { Message } from "../../../../src/raft/core/types.ts";
import { CoreNode } from "../../../support/raft-core.ts";

const key = Uint8Array.of(7);

describe("linearizable reads (thesis §6.4)", () => {
  it("are answered when a majority has echoed a heartbeat sent after they came", () => {
    const leader = aLeader();
    leader.raw.readIndex(key);
    leader.drain();
    assert.deepEqual(leader.readStates, []);
    echo(leader, 2, leader.last("MsgHeartbeat"));
    assert.deepEqual(leader.readStates, [{ index: 1, context: key }]);
  });

  it("are not answered by the echo of an earlier heartbeat, however often it comes", () => {
    const leader = aLeader();
    leader.raw.readIndex(Uint8Array.of(1));
    leader.drain();
    const early = leader.last("MsgHeartbeat");
    leader.raw.readIndex(key);
    leader.drain();
    echo(leader, 2, early);
    echo(leader, 3, early);
    assert.deepEqual(
      leader.readStates.map(({ context }) => context),
      [Uint8Array.of(1)],
    );
  });

  it("are proven again by the next tick's heartbeat when one was lost", () => {
    const leader = aLeader();
    leader.raw.readIndex(key);
    leader.drain();
    leader.tick(1);
    echo(leader, 3, leader.last("MsgHeartbeat"));
    assert.equal(leader.readStates.length, 1);
  });

  it("wait for the first commit of a new leader's term (§8)", () => {
    const leader = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1], commit: 1 });
    leader.lead(2);
    leader.raw.readIndex(key);
    leader.drain();
    echo(leader, 2, undefined);
    assert.deepEqual(leader.readStates, []);
    leader.follow(2);
    echo(leader, 2, leader.last("MsgHeartbeat"));
    assert.deepEqual(leader.readStates, [{ index: 3, context: key }]);
  });

  it("fail when the leader steps down, early ones too", () => {
    const leader = aLeader();
    leader.raw.readIndex(key);
    leader.step("MsgHeartbeat", 2, { term: leader.term + 1 });
    assert.deepEqual(leader.failedReads, [key]);
  });

  it("are answered at once by a member that is alone", () => {
    const leader = new CoreNode({ id: 1, voters: [1] });
    leader.lead();
    leader.raw.readIndex(key);
    leader.drain();
    assert.equal(leader.readStates.length, 1);
  });

  it("go from a follower to the leader and back", () => {
    const follower = new CoreNode({ id: 2, voters: [1, 2, 3] });
    assert.equal(follower.raw.readIndex(key), false);
    follower.step("MsgHeartbeat", 1, { term: 1 });
    assert.equal(follower.raw.readIndex(key), true);
    follower.drain();
    const leader = aLeader();
    leader.step("MsgReadIndex", 2, { context: follower.last("MsgReadIndex").context });
    echo(leader, 3, leader.last("MsgHeartbeat"));
    const { index, context } = leader.last("MsgReadIndexResp");
    follower.step("MsgReadIndexResp", 1, { index, context });
    assert.deepEqual(follower.readStates, [{ index: 1, context: key }]);
  });

  it("have counters that survive the wire", () => {
    for (const counter of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      assert.equal(decodeCounter(encodeCounter(counter)), counter);
    }
  });
});

function aLeader(): CoreNode {
  const leader = new CoreNode({ id: 1, voters: [1, 2, 3] });
  leader.lead(2);
  leader.follow(2);
  return leader;
}

function echo(leader: CoreNode, from: number, heartbeat: Message | undefined): void {
  const context = heartbeat?.context ?? new Uint8Array(0);
  leader.step("MsgHeartbeatResp", from, { term: leader.term, context });
}
