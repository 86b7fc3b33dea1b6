import assert from "node:assert/strict";
import { aConfChange, encodeConfChange } from "../../../support/raft-conf-change-codec.ts";
import { CoreNode } from "../../../support/raft-core.ts";
import { aConfState } from "../../../support/raft-memory-storage.ts";

// One test a rule of Ongaro's dissertation that the paper does not have, named by its section.

describe("the Raft dissertation", () => {
  it("§3.10: a leader brings its successor up to date, tells it to campaign, and takes no more meanwhile", () => {
    const leader = aLeader();
    leader.raw.propose(Buffer.from("x"));
    leader.drain();
    leader.raw.transferLeader(3);
    assert.deepEqual(leader.raw.propose(Buffer.from("y")).kind, "dropped");
    leader.drain();
    assert.ok(!leader.sent.some(({ type }) => type === "MsgTimeoutNow"));
    leader.follow(3);
    assert.equal(leader.last("MsgTimeoutNow").to, 3);
  });

  it("§3.10: the successor campaigns at once in a new term", () => {
    const node = new CoreNode({ id: 3, voters: [1, 2, 3], terms: [1] });
    node.step("MsgHeartbeat", 1, { term: 1 });
    node.step("MsgTimeoutNow", 1, { term: 1 });
    assert.deepEqual([node.role, node.term], ["candidate", 2]);
  });

  it("§3.10: a leader that was not relieved within an election timeout leads on", () => {
    const leader = aLeader();
    leader.raw.transferLeader(3);
    for (let tick = 0; tick < 10; tick += 1) {
      leader.step("MsgHeartbeatResp", 2, { term: leader.term });
      leader.tick(1);
    }
    assert.equal(leader.raw.propose(Buffer.from("x")).kind, "appended");
  });

  it("§4.1: members come and go one at a time, and the next only after the last is done", () => {
    const leader = aLeader();
    assert.equal(change(leader, "+4"), "appended");
    assert.equal(change(leader, "+5"), "dropped");
    leader.follow(2);
    assert.deepEqual(leader.raw.status().confState, aConfState([1, 2, 3, 4]));
    assert.equal(change(leader, "-2"), "appended");
    leader.follow(2);
    assert.deepEqual(leader.raw.status().confState.voters, [1, 2, 3, 4], "two of four");
    leader.follow(3);
    assert.deepEqual(leader.raw.status().confState.voters, [1, 3, 4]);
  });

  it("§4.2.1: a new member catches up without a vote first", () => {
    const leader = aLeader();
    change(leader, "~4");
    leader.follow(2);
    leader.raw.propose(Buffer.from("x"));
    leader.drain();
    const { commit } = leader;
    leader.follow(4);
    assert.equal(leader.commit, commit, "it counts in no majority");
    leader.follow(2);
    assert.equal(leader.commit, commit + 1);
  });

  it("§4.2.2: a leader that is removed leads until that is committed, without counting itself", () => {
    const leader = new CoreNode({ id: 1, voters: [1, 2] });
    leader.lead(2);
    leader.follow(2);
    assert.equal(change(leader, "-1"), "appended");
    assert.equal(leader.role, "leader");
    leader.follow(2);
    assert.equal(leader.role, "follower");
    leader.tick(100);
    assert.equal(leader.role, "follower", "and it never campaigns again");
  });

  it("§4.2.3: a removed member that asks for votes does not disturb those who hear their leader", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2], terms: [1] });
    node.step("MsgHeartbeat", 2, { term: 1 });
    for (const type of ["MsgPreVote", "MsgVote"] as const) {
      assert.deepEqual(node.step(type, 9, { term: 50, index: 9, logTerm: 49 }), []);
    }
    assert.equal(node.term, 1);
  });

  it("§4.3: while joint, elections and commits need both majorities", () => {
    const leader = aLeader();
    leader.raw.proposeConfChange(encodeConfChange(aConfChange("+4 +5 -2 -3", true)));
    leader.drain();
    leader.follow(2);
    leader.raw.propose(Buffer.from("x"));
    leader.drain();
    const { commit } = leader;
    leader.follow(2);
    leader.follow(3);
    assert.equal(leader.commit, commit, "the new half has 1 alone");
    leader.follow(5);
    assert.equal(leader.commit, commit + 1);
  });

  it("§6.2: a leader that hears from no majority for an election timeout steps down", () => {
    const leader = aLeader();
    leader.tick(20);
    assert.equal(leader.role, "follower");
  });

  it("§6.4: a read is as of the commit index when it came, once a majority has answered since", () => {
    const leader = aLeader();
    leader.raw.readIndex(Uint8Array.of(1));
    leader.drain();
    const { context } = leader.last("MsgHeartbeat");
    leader.raw.propose(Buffer.from("x"));
    leader.drain();
    leader.step("MsgHeartbeatResp", 2, { term: leader.term, context });
    assert.deepEqual(leader.readStates, [{ index: 1, context: Uint8Array.of(1) }]);
  });

  it("§6.4: no read is answered before the term's first entry is committed", () => {
    const leader = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1], commit: 1 });
    leader.lead(2);
    leader.raw.readIndex(Uint8Array.of(1));
    leader.drain();
    leader.step("MsgHeartbeatResp", 2, { term: leader.term });
    assert.deepEqual(leader.readStates, []);
  });

  it("§9.6: who is asked whether it would vote changes nothing, whatever it says", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1], term: 3 });
    const [yes] = node.step("MsgPreVote", 2, { term: 9, index: 1, logTerm: 1 });
    const [no] = node.step("MsgPreVote", 3, { term: 9 });
    assert.deepEqual(
      [yes, no].map((answer) => answer?.reject),
      [false, true],
    );
    assert.deepEqual(node.storage.hardState, { term: 3, vote: 0, commit: 0 });
  });

  it("§9.6: who would not win does not raise its term", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1] });
    node.raw.campaign();
    node.drain();
    for (const from of [2, 3]) node.step("MsgPreVoteResp", from, { term: 1, reject: true });
    assert.deepEqual([node.role, node.term], ["follower", 1]);
  });

  it("§5.1 with §9.6: a leader or candidate of an old term is told of the new one", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1], term: 7 });
    for (const [asked, answered] of [
      ["MsgHeartbeat", "MsgAppResp"],
      ["MsgApp", "MsgAppResp"],
      ["MsgPreVote", "MsgPreVoteResp"],
    ] as const) {
      const [answer] = node.step(asked, 2, { term: 3 });
      assert.deepEqual([answer?.type, answer?.term], [answered, 7], asked);
    }
  });
});

function aLeader(): CoreNode {
  const leader = new CoreNode({ id: 1, voters: [1, 2, 3] });
  leader.lead(2);
  leader.follow(2);
  return leader;
}

function change(leader: CoreNode, text: string): string {
  const outcome = leader.raw.proposeConfChange(encodeConfChange(aConfChange(text)));
  leader.drain();
  return outcome.kind;
}
