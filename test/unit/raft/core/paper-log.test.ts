import assert from "node:assert/strict";
import { CoreNode, entry } from "../../../support/raft-core.ts";
import { aConfState } from "../../../support/raft-memory-storage.ts";

// The figures and rules of the paper about logs; those about elections are in paper.test.ts.

describe("the Raft paper on logs", () => {
  // Figure 7: the leader of term 8, and what its followers may hold.
  const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const followers = [
    { name: "(a) one entry missing", terms: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
    { name: "(b) many entries missing", terms: [1, 1, 1, 4] },
    { name: "(c) one entry too many", terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
    { name: "(d) a later term too many", terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
    { name: "(e) both missing and too many", terms: [1, 1, 1, 4, 4, 4, 4] },
    { name: "(f) long lost terms", terms: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
  ];
  for (const { name, terms } of followers) {
    it(`§5.3, figure 7 ${name}: the follower's log becomes the leader's`, () => {
      const leader = new CoreNode({ id: 1, voters: [1, 2, 3], terms: leaderTerms, term: 7 });
      leader.lead(3);
      const follower = new CoreNode({ id: 2, voters: [1, 2, 3], terms, term: 7 });
      let probes = 0;
      while (follower.terms.join() !== leader.terms.join()) {
        probes += 1;
        assert.ok(probes <= 4, "one probe a term at most");
        const append = leader.sent.findLast(({ type, to }) => type === "MsgApp" && to === 2);
        assert.ok(append !== undefined);
        const [answer] = follower.step("MsgApp", 1, append);
        assert.ok(answer !== undefined);
        leader.step("MsgAppResp", 2, answer);
      }
      assert.deepEqual(follower.terms, [...leaderTerms, 8]);
      assert.deepEqual(leader.raw.status().progress.get(2)?.match, 11);
    });
  }

  it("§5.4.2, figure 8 (d): an old entry on a majority may still be replaced", () => {
    // 3 has taken entry 2 of term 2 from leader 1. 5, whose last entry is of term 3, asks for its vote.
    const node = new CoreNode({ id: 3, voters: [1, 2, 3, 4, 5], terms: [1, 2], term: 4 });
    const [answer] = node.step("MsgVote", 5, { term: 5, index: 2, logTerm: 3 });
    assert.equal(answer?.reject, false);
    const entries = [entry(2, 3), entry(3, 5)];
    node.step("MsgApp", 5, { term: 5, index: 1, logTerm: 1, entries });
    assert.deepEqual(node.terms, [1, 3, 5]);
  });

  it("§5.4.2, figure 8 (e): with an entry of the leader's own term it cannot", () => {
    // 3 has taken the leader's entry of term 4 too: 5 does not get its vote any more.
    const node = new CoreNode({ id: 3, voters: [1, 2, 3, 4, 5], terms: [1, 2, 4], term: 4 });
    const [answer] = node.step("MsgVote", 5, { term: 5, index: 2, logTerm: 3 });
    assert.equal(answer?.reject, true);
  });

  it("§5.3: a leader never changes its own log", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1] });
    node.lead(2);
    const { term } = node;
    for (const type of ["MsgApp", "MsgHeartbeat"] as const) {
      node.step(type, 2, { term, index: 1, logTerm: 1, entries: [entry(2, term)] });
    }
    assert.deepEqual([node.role, node.terms], ["leader", [1, 1, term]]);
  });

  it("§5.3: a leader sends on until the follower has stored all", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 1] });
    node.lead(2);
    const { term } = node;
    for (let lost = 0; lost < 3; lost += 1) {
      const before = node.sent.length;
      node.tick(1);
      node.step("MsgHeartbeatResp", 3, { term });
      assert.ok(node.sent.slice(before).some(({ type, to }) => type === "MsgApp" && to === 3));
    }
  });

  it("§5.5: what comes twice has the effect of once", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1] });
    const append = { term: 2, index: 1, logTerm: 1, entries: [entry(2, 2)], commit: 2 };
    const answers = [node.step("MsgApp", 2, append), node.step("MsgApp", 2, append)];
    assert.deepEqual(
      answers.map(([answer]) => [answer?.index, answer?.reject]),
      [
        [2, false],
        [2, false],
      ],
    );
    assert.deepEqual([node.terms, node.applied.length], [[1, 2], 2]);
  });

  it("§5.1: term, vote and log are found again after a restart", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 2], term: 5, vote: 3 });
    const { term, vote, lastIndex, lastTerm, role } = node.raw.status();
    assert.deepEqual([term, vote, lastIndex, lastTerm, role], [5, 3, 2, 2, "follower"]);
  });

  it("§7: a follower that is too far behind gets the snapshot, then what follows it", () => {
    const leader = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 1], commit: 3 });
    leader.lead(3);
    leader.storage.compact(3, aConfState([1, 2, 3]), 3);
    const follower = new CoreNode({ id: 2, voters: [1, 2, 3] });
    const { term } = leader;
    leader.step("MsgAppResp", 2, { term, index: 3, reject: true });
    const [answer] = follower.step("MsgSnap", 1, leader.last("MsgSnap"));
    assert.deepEqual([answer?.type, answer?.index], ["MsgAppResp", 3]);
    leader.step("MsgAppResp", 2, { term, index: 3 });
    const { index, logTerm, entries } = leader.last("MsgApp");
    assert.deepEqual([index, logTerm, entries], [3, 1, [entry(4, 2)]]);
  });

  it("§8: a leader begins its term with an entry of its own", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1] });
    node.lead(2);
    assert.deepEqual(node.storage.log.at(-1), entry(3, 2));
  });
});
