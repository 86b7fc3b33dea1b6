import { strict as assert } from "node:assert";
import { aConfChange, encodeConfChange } from "../../../support/raft-conf-change-codec.ts";
import { CoreNode, entry } from "../../../support/raft-core.ts";
import { aConfState } from "../../../support/raft-memory-storage.ts";

describe("members of a running group", () => {
  it("are not changed before the leader has committed an entry of its term", () => {
    const leader = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1] });
    leader.lead(2);
    assert.deepEqual(change(leader, "+4"), { kind: "dropped", reason: "pending-change" });
    leader.follow(2);
    assert.equal(change(leader, "+4").kind, "appended");
  });

  it("are changed one change at a time", () => {
    const leader = aLeader();
    change(leader, "+4");
    assert.deepEqual(change(leader, "+5"), { kind: "dropped", reason: "pending-change" });
    leader.follow(2);
    assert.deepEqual(leader.raw.status().confState, aConfState([1, 2, 3, 4]));
    assert.equal(change(leader, "+5").kind, "appended");
  });

  it("are not changed in a way that does not fit", () => {
    const dropped = { kind: "dropped", reason: "invalid-change" };
    assert.deepEqual(change(aLeader(), ""), dropped);
    assert.deepEqual(change(aLeader(), "-1 -2 -3"), dropped);
  });

  it("leave a joint configuration by themselves", () => {
    const leader = aLeader();
    change(leader, "+4 -3");
    leader.follow(2);
    const { confState, lastIndex } = leader.raw.status();
    assert.deepEqual(
      [confState.voters, confState.votersOutgoing],
      [
        [1, 2, 4],
        [1, 2, 3],
      ],
    );
    assert.equal(leader.storage.log.at(-1)?.type, "conf-change");
    leader.follow(2);
    // 1 and 2 are a majority of either half.
    assert.deepEqual(leader.raw.status().confState, aConfState([1, 2, 4]));
    assert.equal(leader.raw.status().lastIndex, lastIndex);
  });

  it("stay joint until told, when that was asked for", () => {
    const leader = aLeader();
    leader.raw.proposeConfChange(encodeConfChange(aConfChange("+4", true)));
    leader.drain();
    leader.follow(2);
    assert.equal(leader.raw.status().confState.autoLeave, false);
    leader.raw.propose(Uint8Array.of(1));
    leader.drain();
    leader.follow(2);
    assert.deepEqual(leader.raw.status().confState.votersOutgoing, [1, 2, 3]);
    assert.equal(change(leader, "").kind, "appended");
  });

  it("commit by both majorities while joint", () => {
    const leader = aLeader();
    leader.raw.proposeConfChange(encodeConfChange(aConfChange("+4 +5 -2 -3", true)));
    leader.drain();
    leader.follow(2);
    leader.raw.propose(Uint8Array.of(1));
    leader.drain();
    const { commit, lastIndex } = leader.raw.status();
    leader.follow(2);
    assert.equal(leader.commit, commit);
    leader.follow(4);
    assert.equal(leader.commit, lastIndex);
  });

  it("do not count learners", () => {
    const leader = new CoreNode({ id: 1, voters: [1, 2], learners: [3] });
    leader.lead(2);
    leader.follow(3);
    assert.equal(leader.commit, 0);
    leader.follow(2);
    assert.equal(leader.commit, 1);
  });

  it("let a learner vote, which may have been promoted without knowing, but not campaign", () => {
    const learner = new CoreNode({ id: 3, voters: [1, 2], learners: [3] });
    learner.tick(100);
    assert.equal(learner.role, "follower");
    const [answer] = learner.step("MsgVote", 1, { term: 1 });
    assert.equal(answer?.reject, false);
  });

  it("lose a leader that is removed or demoted", () => {
    for (const text of ["-1", "~1"]) {
      const leader = aLeader();
      change(leader, text);
      leader.follow(2);
      leader.tick(100);
      assert.equal(leader.role, "follower");
      assert.equal(change(leader, "+1").kind, "dropped");
    }
  });

  it("do not campaign while a committed change is not applied", () => {
    const data = encodeConfChange(aConfChange("-3"));
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    const changed = { index: 1, term: 1, type: "conf-change" as const, data };
    node.raw.step({ ...node.message("MsgApp", 2), term: 1, entries: [changed], commit: 1 });
    node.raw.campaign();
    assert.equal(node.role, "follower");
    node.drain();
    node.raw.campaign();
    assert.equal(node.role, "pre-candidate");
  });

  it("ignore a change that a snapshot has overtaken", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    const snapshot = { index: 9, term: 2, confState: aConfState([1, 2, 4]) };
    node.step("MsgSnap", 2, { term: 2, snapshot });
    const state = node.raw.applyConfChange(aConfChange("-2"), 5);
    assert.deepEqual(state, aConfState([1, 2, 4]));
  });

  it("learn from a refused vote what is committed (etcd issue 12359)", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 1], commit: 1 });
    node.raw.campaign();
    node.drain();
    for (const from of [2, 3]) {
      node.step("MsgPreVoteResp", from, { term: 1, reject: true, commit: 2, commitTerm: 1 });
    }
    assert.equal(node.commit, 2);
    assert.deepEqual(node.applied, [entry(1, 1), entry(2, 1)]);
  });
});

function aLeader(): CoreNode {
  const leader = new CoreNode({ id: 1, voters: [1, 2, 3] });
  leader.lead(2);
  leader.follow(2);
  return leader;
}

function change(leader: CoreNode, text: string): ReturnType<CoreNode["raw"]["propose"]> {
  const outcome = leader.raw.proposeConfChange(encodeConfChange(aConfChange(text)));
  leader.drain();
  return outcome;
}
