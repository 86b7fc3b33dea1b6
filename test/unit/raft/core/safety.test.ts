import { strict as assert } from "node:assert";
import { defaultRaftConfig } from "../../../../src/raft/core/config.ts";
import { RawNode } from "../../../../src/raft/core/raw-node.ts";
import { makeMessage } from "../../../../src/raft/core/types.ts";
import {
  aConfChange,
  decodeConfChange,
  encodeConfChange,
} from "../../../support/raft-conf-change-codec.ts";
import { CoreNode, entry } from "../../../support/raft-core.ts";
import { aConfState, RaftMemoryStorage } from "../../../support/raft-memory-storage.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

// Rules that only bite in rare schedules: each was once left untested, and a mutant lived by it.

describe("what a member takes for committed", () => {
  it("a vote's commit index counts only with the term of the own entry there", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 2], commit: 1 });
    node.step("MsgVote", 2, { term: 4, commit: 3, commitTerm: 3 });
    assert.equal(node.commit, 1, "entry 3 of term 3 is another one");
    node.step("MsgVote", 2, { term: 5, commit: 2, commitTerm: 1 });
    assert.equal(node.commit, 2);
  });

  it("a heartbeat speaks only of what its receiver has acknowledged", () => {
    const leader = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1] });
    leader.lead(2);
    leader.follow(2);
    leader.step("MsgAppResp", 3, { term: leader.term, index: 1 });
    leader.tick(1);
    const beats = leader.sent.filter(({ type }) => type === "MsgHeartbeat").slice(-2);
    assert.deepEqual(
      beats.map(({ to, commit }) => [to, commit]),
      [
        [2, 3],
        [3, 1],
      ],
    );
  });
});

describe("a snapshot that comes (§7)", () => {
  const confState = aConfState([1, 2, 3]);

  it("behind what is committed changes nothing, and is answered with that", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 1], commit: 3 });
    const snapshot = { index: 2, term: 1, confState };
    const [answer] = node.step("MsgSnap", 2, { term: 2, snapshot });
    assert.deepEqual([answer?.type, answer?.index], ["MsgAppResp", 3]);
    assert.deepEqual(node.terms, [1, 1, 1]);
  });

  it("of entries that are here commits them, and keeps those that follow", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 1, 1], commit: 1 });
    const snapshot = { index: 3, term: 1, confState };
    const [answer] = node.step("MsgSnap", 2, { term: 2, snapshot });
    assert.deepEqual([answer?.index, node.commit], [3, 3]);
    assert.deepEqual(node.terms, [1, 1, 1, 1], "entry 4 was acknowledged");
    assert.equal(node.storage.newestSnapshot, undefined, "it is not installed");
  });

  it("of other entries replaces the whole log", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 1, 1], commit: 1 });
    const snapshot = { index: 3, term: 2, confState: aConfState([1, 2, 4]) };
    node.step("MsgSnap", 2, { term: 2, snapshot });
    const { firstIndex, lastIndex, commit, confState: now } = node.raw.status();
    assert.deepEqual([firstIndex, lastIndex, commit, now], [4, 3, 3, aConfState([1, 2, 4])]);
  });
});

describe("what must survive a power loss", () => {
  function member(term: number): RawNode {
    const storage = new RaftMemoryStorage(aConfState([1, 2, 3]));
    storage.log = [entry(1, 1)];
    storage.hardState = { term, vote: 0, commit: 0 };
    const deps = { storage, random: seededRandom(1), decodeConfChange };
    return new RawNode({ ...defaultRaftConfig, id: 1 }, deps);
  }

  it("is a vote, also in a term that is on the disk already", () => {
    const raw = member(3);
    const ask = makeMessage("MsgVote", 1, { from: 2, term: 3, index: 1, logTerm: 1 });
    raw.step(ask);
    const ready = raw.ready();
    assert.deepEqual(ready.hardState, { term: 3, vote: 2, commit: 0 });
    assert.equal(ready.mustSync, true);
  });

  it("is a term", () => {
    const raw = member(3);
    raw.step(makeMessage("MsgHeartbeat", 1, { from: 2, term: 4 }));
    assert.equal(raw.ready().mustSync, true);
  });

  it("is no commit index, which can be found out again", () => {
    const raw = member(3);
    raw.step(makeMessage("MsgHeartbeat", 1, { from: 2, term: 3, commit: 1 }));
    const ready = raw.ready();
    assert.deepEqual([ready.hardState?.commit, ready.mustSync], [1, false]);
  });
});

describe("a leader that is taken out (thesis §4.2.2)", () => {
  for (const text of ["-1", "~1"]) {
    it(`steps down once that is applied (${text})`, () => {
      const leader = new CoreNode({ id: 1, voters: [1, 2, 3] });
      leader.lead(2);
      leader.follow(2);
      leader.raw.proposeConfChange(encodeConfChange(aConfChange(text)));
      leader.drain();
      assert.equal(leader.role, "leader", "until then it has to lead");
      leader.follow(2);
      leader.follow(3);
      assert.equal(leader.role, "follower");
    });
  }
});
