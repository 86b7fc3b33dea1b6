import assert from "node:assert/strict";
import fc from "fast-check";
import { jointCommittedIndex, jointVoteResult } from "../../../../src/raft/core/quorum/joint.ts";
import {
  majorityCommittedIndex,
  majorityVoteResult,
} from "../../../../src/raft/core/quorum/majority.ts";

const acks = (values: Record<number, number>) => (id: number) => values[id];

describe("majority quorum", () => {
  const commits = [
    { name: "nobody votes", voters: [], acked: {}, want: Number.POSITIVE_INFINITY },
    { name: "one voter", voters: [1], acked: { 1: 12 }, want: 12 },
    { name: "one of two is not enough", voters: [1, 2], acked: { 1: 12 }, want: 0 },
    { name: "two of three", voters: [1, 2, 3], acked: { 1: 12, 2: 5 }, want: 5 },
    { name: "the middle of three", voters: [1, 2, 3], acked: { 1: 12, 2: 5, 3: 6 }, want: 6 },
    { name: "three of four", voters: [1, 2, 3, 4], acked: { 1: 9, 2: 8, 3: 7 }, want: 7 },
    { name: "others do not count", voters: [1, 2, 3], acked: { 1: 3, 8: 99, 9: 99 }, want: 0 },
  ];
  for (const { name, voters, acked, want } of commits) {
    it(`commits: ${name}`, () => {
      assert.equal(majorityCommittedIndex(new Set(voters), acks(acked)), want);
    });
  }

  const votes = [
    { name: "nobody votes", voters: [], given: [], want: "won" },
    { name: "no answer yet", voters: [1, 2, 3], given: [], want: "pending" },
    { name: "half of two", voters: [1, 2], given: [[1, true]], want: "pending" },
    {
      name: "two of three for it",
      voters: [1, 2, 3],
      given: [
        [1, true],
        [2, true],
      ],
      want: "won",
    },
    {
      name: "two of three against it",
      voters: [1, 2, 3],
      given: [
        [1, false],
        [2, false],
      ],
      want: "lost",
    },
    {
      name: "one each of three",
      voters: [1, 2, 3],
      given: [
        [1, true],
        [2, false],
      ],
      want: "pending",
    },
    {
      name: "half of four against it",
      voters: [1, 2, 3, 4],
      given: [
        [1, false],
        [2, false],
      ],
      want: "lost",
    },
  ] as const;
  for (const { name, voters, given, want } of votes) {
    it(`votes: ${name}`, () => {
      const result = majorityVoteResult(new Set(voters), new Map(given as never));
      assert.equal(result, want);
    });
  }

  it("commits what counting says", () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(
        ids,
        fc.array(fc.nat(20), { minLength: 10, maxLength: 10 }),
        (voters, indexes) => {
          const index = majorityCommittedIndex(new Set(voters), (id) => indexes[id]);
          const having = (at: number) => voters.filter((id) => (indexes[id] ?? 0) >= at).length;
          assert.ok(having(index) > voters.length / 2);
          assert.ok(having(index + 1) <= voters.length / 2);
        },
      ),
    );
  });
});

describe("joint quorum", () => {
  const voters = { incoming: new Set([1, 2, 3]), outgoing: new Set([3, 4, 5]) };

  it("commits only what both halves have", () => {
    assert.equal(jointCommittedIndex(voters, acks({ 1: 9, 2: 9, 3: 9 })), 0);
    assert.equal(jointCommittedIndex(voters, acks({ 1: 9, 2: 9, 3: 9, 4: 4 })), 4);
  });

  it("is won by both halves and lost by either", () => {
    const yes = (...ids: number[]) => new Map(ids.map((id) => [id, true]));
    assert.equal(jointVoteResult(voters, yes(1, 2)), "pending");
    assert.equal(jointVoteResult(voters, yes(1, 3, 4)), "won");
    const no = new Map([...yes(1, 2), [4, false], [5, false]] as [number, boolean][]);
    assert.equal(jointVoteResult(voters, no), "lost");
  });

  it("commits what counting says, in both halves", () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    const indexes = fc.array(fc.nat(20), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(ids, ids, indexes, (incoming, outgoing, acked) => {
        const joint = { incoming: new Set(incoming), outgoing: new Set(outgoing) };
        const index = jointCommittedIndex(joint, (id) => acked[id]);
        const decides = (at: number): boolean =>
          [incoming, outgoing].every(
            (half) => half.filter((id) => (acked[id] ?? 0) >= at).length > half.length / 2,
          );
        assert.ok(decides(index) && !decides(index + 1));
      }),
    );
  });

  it("commits exactly what a vote of those who have it would win", () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    const indexes = fc.array(fc.nat(20), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(ids, ids, indexes, fc.nat(21), (incoming, outgoing, acked, at) => {
        const joint = { incoming: new Set(incoming), outgoing: new Set(outgoing) };
        const votes = new Map(acked.map((index, id) => [id, index >= at]));
        const isCommitted = jointCommittedIndex(joint, (id) => acked[id]) >= at;
        assert.equal(jointVoteResult(joint, votes), isCommitted ? "won" : "lost");
      }),
    );
  });
});
