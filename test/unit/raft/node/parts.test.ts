import assert from "node:assert/strict";
import { ClusterError, isClusterError } from "../../../../src/base/errors.ts";
import type { Entry, Ready } from "../../../../src/raft/core/types.ts";
import { mergeWrites } from "../../../../src/raft/node/log-writer.ts";
import { planAdd, planPromotion, planRemoval } from "../../../../src/raft/node/membership.ts";
import { Proposals } from "../../../../src/raft/node/proposals.ts";
import { Reads, readContext, readIdOf } from "../../../../src/raft/node/reads.ts";
import { Ticker } from "../../../../src/raft/node/ticker.ts";
import { emptyConfState } from "../../../../src/raft/storage/memory-storage.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";
import { memberOf } from "../../../support/raft-group.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

const timeout = (): ClusterError => new ClusterError("UNAVAILABLE", "late");

describe("proposals", () => {
  const cases: {
    name: string;
    given: (p: Proposals) => void;
    want: string;
  }[] = [
    { name: "applied", given: (p) => p.settle(5, 2, { value: "ok" }), want: "ok" },
    { name: "refused", given: (p) => p.settle(5, 2, { error: timeout() }), want: "UNAVAILABLE" },
    {
      name: "overwritten by another term",
      given: (p) => p.settle(5, 3, { value: "other" }),
      want: "NOT_LEADER",
    },
    { name: "skipped by a snapshot", given: (p) => p.skipTo(5), want: "UNAVAILABLE unknown" },
    { name: "late", given: (p) => p.expire(100), want: "UNAVAILABLE unknown" },
    { name: "given up", given: (p) => p.abandon("stop"), want: "UNAVAILABLE unknown" },
    {
      name: "not touched by others",
      given: (p) => {
        p.settle(4, 2, { value: "no" });
        p.skipTo(4);
        p.expire(99);
        p.settle(5, 2, { value: "yes" });
      },
      want: "yes",
    },
  ];
  for (const { name, given, want } of cases) {
    it(name, async () => {
      const proposals = new Proposals();
      const answer = proposals.wait(5, 2, 100).catch((error: unknown) => {
        assert.ok(error instanceof ClusterError);
        return [error.code, error.details["outcome"]].filter(Boolean).join(" ");
      });
      given(proposals);
      assert.equal(await answer, want);
      assert.equal(proposals.size, 0);
    });
  }
});

describe("reads", () => {
  it("share a round, but never one that began before them", async () => {
    const reads = new Reads();
    const first = reads.wait(100);
    const id = reads.start(0, 50);
    assert.equal(id, 1);
    const second = reads.wait(100);
    assert.equal(reads.start(1, 50), undefined);
    reads.confirm(1, 7, 6);
    assert.equal(reads.start(2, 50), 2);
    reads.confirm(1, 9, 9); // an old answer
    reads.applied(7);
    assert.equal(await first, 7);
    reads.confirm(2, 8, 8);
    assert.equal(await second, 8);
  });

  it("ask again when a round is lost, and give up in time", async () => {
    const reads = new Reads();
    const read = reads.wait(100);
    reads.start(0, 50);
    assert.equal(reads.start(49, 50), undefined);
    assert.equal(reads.start(50, 50), 2);
    reads.lost(2);
    assert.equal(reads.start(51, 50), 3);
    reads.expire(100, timeout);
    await assert.rejects(read, /late/);
    assert.equal(readIdOf(readContext(70_000)), 70_000);
  });
});

describe("merged writes", () => {
  const entry = (index: number, term: number): Entry => {
    return { index, term, type: "normal", data: Buffer.from("x") };
  };
  const ready = (fields: Partial<Ready>): Ready => ({
    ...{ sequence: 1, hardState: undefined, softState: undefined, snapshot: undefined },
    ...{ entries: [], mustSync: false, messages: [], messagesAfterPersist: [] },
    ...{ committedEntries: [], readStates: [], failedReads: [] },
    ...fields,
  });
  const state = (commit: number) => ({ term: 2, vote: 1, commit });

  it("keep the last hard state and the last word on each index", () => {
    const write = mergeWrites([
      ready({ entries: [entry(5, 1), entry(6, 1), entry(7, 1)], hardState: state(4) }),
      ready({ entries: [entry(6, 2)], mustSync: true }),
      ready({ hardState: state(5) }),
      ready({}),
    ]);
    assert.deepEqual(
      write.entries.map(({ index, term }) => [index, term]),
      [
        [5, 1],
        [6, 2],
      ],
    );
    assert.deepEqual(write.hardState, state(5));
    assert.equal(write.sync, true);
  });

  it("restart at a snapshot, with the entries behind it", () => {
    const write = mergeWrites([
      ready({ entries: [entry(5, 1)] }),
      ready({
        snapshot: { index: 9, term: 2, confState: emptyConfState },
        entries: [entry(10, 2)],
        hardState: state(9),
      }),
    ]);
    assert.deepEqual(write.restart, { index: 9, term: 2 });
    assert.deepEqual(
      write.entries.map(({ index }) => index),
      [10],
    );
    assert.equal(write.sync, true);
  });
});

describe("ticker", () => {
  it("keeps its pace, and makes up for a stall only so far", async () => {
    const clock = new FakeClock();
    let ticks = 0;
    const options = { tickMs: 100, catchUpTicksMax: 8 };
    const ticker = new Ticker(options, clock, seededRandom(1), () => {
      ticks += 1;
    });
    await clock.run(10_000);
    assert.ok(ticks === 99 || ticks === 100, `${ticks}`);
    ticks = 0;
    // The process stood still: one timer fires, very late.
    const late = new FakeClock();
    const stalled = { ...late, now: () => 0, monotonic: () => late.monotonic() };
    let fire: () => void = () => {};
    const second = new Ticker(
      options,
      {
        ...stalled,
        setTimer: (_ms, fn) => {
          fire = fn;
          return { cancel: () => {} };
        },
      },
      seededRandom(1),
      () => {
        ticks += 1;
      },
    );
    late.advance(60_000);
    fire();
    assert.equal(ticks, 0, "the inbox comes first");
    await settle();
    assert.equal(ticks, 8);
    ticker.stop();
    second.stop();
  });
});

describe("plans of membership", () => {
  const confState = { ...emptyConfState, voters: [1, 2, 3], learners: [4] };
  const members = [1, 2, 3, 4].map(memberOf);
  const typeOf = (change: ReturnType<typeof planAdd>): string | undefined =>
    change?.changes.map(({ type, raftId }) => `${type} ${raftId}`).join();

  it("add a learner, a new address, or nothing", () => {
    const group = { confState, members };
    assert.equal(typeOf(planAdd(group, memberOf(5))), "CONF_ADD_LEARNER 5");
    assert.equal(typeOf(planAdd(group, memberOf(2))), undefined);
    const moved = { ...memberOf(2), address: "10.1.1.1:1" };
    assert.equal(typeOf(planAdd(group, moved)), "CONF_UPDATE_NODE 2");
  });

  it("promote whoever has caught up and answers", () => {
    const group = { confState, members };
    const at = (match: number, recentActive = true, isRestoring = false) =>
      typeOf(planPromotion(group, 1_000, () => ({ match, recentActive, isRestoring })));
    assert.equal(at(0), undefined);
    assert.equal(at(900), undefined);
    assert.equal(at(990), "CONF_ADD_NODE 4");
    assert.equal(at(990, false), undefined);
    assert.equal(at(990, true, true), undefined);
  });

  it("remove only what leaves a reachable majority", () => {
    const reaching = (ids: number[]) => (id: number) => ids.includes(id);
    assert.equal(typeOf(planRemoval(confState, 3, reaching([1, 2]))), "CONF_REMOVE_NODE 3");
    assert.equal(typeOf(planRemoval(confState, 4, reaching([]))), "CONF_REMOVE_NODE 4");
    assert.equal(typeOf(planRemoval(confState, 9, reaching([]))), undefined);
    assert.throws(
      () => planRemoval(confState, 2, reaching([1])),
      (error) => isClusterError(error, "FAILED_PRECONDITION"),
    );
  });
});
