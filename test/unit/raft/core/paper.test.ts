import assert from "node:assert/strict";
import { CoreNode, entry } from "../../../support/raft-core.ts";

// One test a rule of the Raft paper (Ongaro and Ousterhout, extended version), named by its section.

describe("the Raft paper", () => {
  it("§5.1: a higher term makes a leader follow", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    node.lead(2);
    assert.equal(node.role, "leader");
    node.step("MsgApp", 2, { term: 9 });
    assert.deepEqual([node.role, node.term], ["follower", 9]);
  });

  it("§5.1: a message of an older term changes nothing", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [5] });
    node.step("MsgApp", 2, { term: 4, index: 1, logTerm: 5, entries: [entry(2, 4)] });
    assert.deepEqual([node.term, node.terms], [5, [5]]);
  });

  it("§5.2: a follower that hears nothing asks for votes in time", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    node.tick(9);
    assert.equal(node.sent.length, 0, "not before the election timeout");
    node.tick(11);
    assert.equal(node.last("MsgPreVote").to > 1, true);
    assert.equal(node.term, 0, "asking first does not raise the term");
  });

  it("§5.2: a leader sends heartbeats", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    node.lead(2);
    const before = node.sent.length;
    node.tick(1);
    const to = node.sent
      .slice(before)
      .filter(({ type }) => type === "MsgHeartbeat")
      .map((m) => m.to);
    assert.deepEqual(to, [2, 3]);
  });

  it("§5.2: one vote a term, first come first served", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    const ask = { term: 3, index: 0, logTerm: 0 };
    const answers = [2, 3, 2].map((from) => node.step("MsgVote", from, ask).at(-1)?.reject);
    assert.deepEqual(answers, [false, true, false]);
    assert.equal(node.storage.hardState.vote, 2, "and it is on disk before the answer leaves");
  });

  it("§5.2: a vote survives a restart", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], term: 3, vote: 2 });
    const answer = node.step("MsgVote", 3, { term: 3 }).at(-1);
    assert.equal(answer?.reject, true);
  });

  const upToDate = [
    { own: [1], index: 1, logTerm: 1, want: true, name: "the same end" },
    { own: [1], index: 2, logTerm: 1, want: true, name: "a longer log" },
    { own: [1, 1], index: 1, logTerm: 2, want: true, name: "a later term, though shorter" },
    { own: [1, 1], index: 1, logTerm: 1, want: false, name: "a shorter log" },
    { own: [2], index: 9, logTerm: 1, want: false, name: "an earlier term, though longer" },
  ];
  for (const { own, index, logTerm, want, name } of upToDate) {
    it(`§5.4.1: a candidate with ${name} ${want ? "gets" : "does not get"} the vote`, () => {
      const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: own });
      const answer = node.step("MsgVote", 2, { term: 5, index, logTerm }).at(-1);
      assert.equal(answer?.reject, !want);
    });
  }

  it("§5.3: an append that does not fit is refused, with a hint where the logs may agree", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 2, 2] });
    const answer = node.step("MsgApp", 2, { term: 3, index: 9, logTerm: 3 }).at(-1);
    assert.deepEqual([answer?.reject, answer?.index, answer?.rejectHint], [true, 9, 4]);
  });

  const appends = [
    { name: "replaces what conflicts", index: 1, logTerm: 1, entries: [entry(2, 3)], want: [1, 3] },
    { name: "adds at the end", index: 3, logTerm: 2, entries: [entry(4, 3)], want: [1, 1, 2, 3] },
    {
      name: "keeps what is after a late, shorter append",
      index: 1,
      logTerm: 1,
      entries: [entry(2, 1)],
      want: [1, 1, 2],
    },
    { name: "keeps all on an empty append", index: 1, logTerm: 1, entries: [], want: [1, 1, 2] },
  ];
  for (const { name, index, logTerm, entries, want } of appends) {
    it(`§5.3: an append ${name}`, () => {
      const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 2] });
      node.step("MsgApp", 2, { term: 3, index, logTerm, entries });
      assert.deepEqual(node.terms, want);
    });
  }

  it("§5.3: a follower commits no further than what the append proved", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1, 1, 1] });
    node.step("MsgApp", 2, { term: 2, index: 1, logTerm: 1, commit: 3 });
    assert.equal(node.commit, 1, "entries 2 and 3 may be another leader's");
  });

  it("§5.3: a leader commits what a majority has stored, and says so", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    node.lead(2);
    node.step("MsgAppResp", 2, { term: node.term, index: 1 });
    const outcome = node.raw.propose(Buffer.from("x"));
    node.drain();
    assert.equal(outcome.kind, "appended");
    assert.equal(node.commit, 1, "its own copy is not a majority");
    node.step("MsgAppResp", 3, { term: node.term, index: 2 });
    assert.equal(node.commit, 2);
    assert.deepEqual(
      node.applied.map(({ index }) => index),
      [1, 2],
    );
  });

  it("§5.4.2, figure 8: entries of an earlier term are committed only together with one of its own", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3, 4, 5], terms: [1, 2], term: 3 });
    node.lead(2, 3);
    const { term } = node;
    for (const from of [2, 3]) node.step("MsgAppResp", from, { term, index: 2 });
    assert.equal(node.commit, 0, "entry 2 is on a majority, but of an earlier term");
    for (const from of [2, 3]) node.step("MsgAppResp", from, { term, index: 3 });
    assert.equal(node.commit, 3);
  });

  it("§6: a member that was told of a leader lately does not help to disturb it", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1] });
    node.step("MsgHeartbeat", 2, { term: 1 });
    const answers = node.step("MsgVote", 3, { term: 9, index: 1, logTerm: 1 });
    assert.deepEqual([answers.length, node.term], [0, 1]);
  });

  it("thesis §6.2: a leader that hears from no majority steps down", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    node.lead(2);
    node.tick(20);
    assert.equal(node.role, "follower");
  });

  it("thesis §9.6: an isolated member does not raise the term of the others when it comes back", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3], terms: [1] });
    node.tick(200);
    assert.equal(node.term, 1);
  });
});
