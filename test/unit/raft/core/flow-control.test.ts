import { strict as assert } from "node:assert";
import { Inflights } from "../../../../src/raft/core/tracker/inflights.ts";
import { Progress } from "../../../../src/raft/core/tracker/progress.ts";
import { CoreNode } from "../../../support/raft-core.ts";
import { aConfState } from "../../../support/raft-memory-storage.ts";

describe("appends under way", () => {
  it("are bounded by number and by bytes, and freed in order", () => {
    const inflights = new Inflights(3, 100);
    inflights.add(1, 10);
    inflights.add(2, 20);
    assert.equal(inflights.full, false);
    inflights.add(5, 30);
    assert.equal(inflights.full, true);
    inflights.freeTo(2);
    assert.deepEqual([inflights.count, inflights.bytes], [1, 30]);
    inflights.add(6, 90);
    assert.deepEqual([inflights.count, inflights.full], [2, true]);
    inflights.freeTo(9);
    assert.deepEqual([inflights.count, inflights.bytes], [0, 0]);
  });
});

describe("what a leader knows of a follower", () => {
  const refusals: {
    name: string;
    state: "probe" | "replicate";
    match: number;
    next: number;
    rejected: number;
    hint: number;
    want: number | undefined;
  }[] = [
    {
      name: "goes back to the hint",
      state: "probe",
      match: 0,
      next: 10,
      rejected: 9,
      hint: 4,
      want: 5,
    },
    {
      name: "goes back at least one",
      state: "probe",
      match: 0,
      next: 10,
      rejected: 9,
      hint: 20,
      want: 9,
    },
    {
      name: "stays above what matches",
      state: "probe",
      match: 3,
      next: 10,
      rejected: 9,
      hint: 0,
      want: 4,
    },
    {
      name: "ignores an old refusal",
      state: "probe",
      match: 0,
      next: 10,
      rejected: 5,
      hint: 2,
      want: undefined,
    },
    {
      name: "goes back to what matches",
      state: "replicate",
      match: 5,
      next: 10,
      rejected: 9,
      hint: 8,
      want: 6,
    },
    {
      name: "ignores a refusal of what matches",
      state: "replicate",
      match: 5,
      next: 10,
      rejected: 5,
      hint: 2,
      want: undefined,
    },
  ];
  for (const { name, state, match, next, rejected, hint, want } of refusals) {
    it(`${name} (${state})`, () => {
      const progress = new Progress(next, 4, 100);
      progress.match = match;
      progress.state = state;
      assert.equal(progress.maybeDecrease(rejected, hint), want !== undefined);
      assert.equal(progress.next, want ?? next);
    });
  }

  it("goes on after a snapshot that was sent", () => {
    const progress = new Progress(1, 4, 100);
    progress.becomeSnapshot(20);
    assert.equal(progress.isPaused(), true);
    progress.becomeProbe();
    assert.deepEqual([progress.state, progress.next], ["probe", 21]);
  });
});

describe("a leader's flow", () => {
  it("sends one append at a time to a follower it does not know, and then ahead of answers", () => {
    const leader = aLeader({ inflightMessagesMax: 2 });
    const appends = (to: number): number =>
      leader.sent.filter((message) => message.type === "MsgApp" && message.to === to).length;
    const before = [appends(2), appends(3)];
    for (let count = 0; count < 5; count += 1) {
      leader.raw.propose(Uint8Array.of(count));
      leader.drain();
    }
    // 2 answers and has a window of two; 3 has not answered the first append yet.
    assert.deepEqual([appends(2) - (before[0] ?? 0), appends(3) - (before[1] ?? 0)], [2, 0]);
  });

  it("lets a learner catch up in small steps", () => {
    const config = { learnerInflightBytesMax: 40, inflightBytesMax: 400, messageBytesMax: 200 };
    const leader = new CoreNode({ id: 1, voters: [1, 2], learners: [3], config });
    leader.lead(2);
    leader.follow(2);
    leader.follow(3);
    for (let count = 0; count < 30; count += 1) leader.raw.propose(new Uint8Array(10));
    leader.drain();
    const steps: number[][] = [];
    let before = leader.sent.length;
    leader.follow(2);
    for (let index = 1; index < 31; ) {
      const appends = leader.sent
        .slice(steps.length === 0 ? 0 : before)
        .filter(({ type, to, entries }) => type === "MsgApp" && to === 3 && entries.length > 0);
      steps.push(appends.map(({ entries }) => entries.length));
      index = appends.at(-1)?.entries.at(-1)?.index ?? 31;
      before = leader.sent.length;
      leader.step("MsgAppResp", 3, { term: leader.term, index });
    }
    // Two messages of 20 bytes are under way at a time; the first of all is the term's own entry.
    assert.deepEqual(steps, [[1, 2, 2], ...Array<number[]>(6).fill([2, 2]), [2]]);
  });

  it("puts proposals that come together into one append", () => {
    const leader = aLeader({});
    for (let count = 0; count < 5; count += 1) leader.raw.propose(Uint8Array.of(count));
    leader.drain();
    assert.equal(leader.last("MsgApp").entries.length, 5);
  });

  it("refuses proposals beyond its quota of uncommitted data, but never the only one", () => {
    const leader = aLeader({ uncommittedBytesMax: 10 });
    assert.equal(leader.raw.propose(new Uint8Array(11)).kind, "appended");
    leader.drain();
    assert.deepEqual(leader.raw.propose(new Uint8Array(1)), { kind: "dropped", reason: "busy" });
    leader.follow(2);
    assert.equal(leader.raw.propose(new Uint8Array(1)).kind, "appended");
  });

  it("skips whole terms of a long divergence (§5.3)", () => {
    const leader = aLeaderOf([...Array<number>(50).fill(1), ...Array<number>(50).fill(5)]);
    const follower = new CoreNode({
      id: 2,
      voters: [1, 2, 3],
      terms: [
        ...Array<number>(50).fill(1),
        ...Array<number>(40).fill(2),
        ...Array<number>(40).fill(3),
      ],
    });
    let probes = 0;
    for (; follower.terms.length !== leader.terms.length && probes < 20; probes += 1) {
      const { from, ...append } = leader.last("MsgApp");
      const [answer] = follower.step("MsgApp", from, append);
      assert.ok(answer !== undefined);
      leader.step("MsgAppResp", 2, answer);
    }
    assert.ok(probes <= 5, `${probes} probes`);
    assert.deepEqual(follower.terms, leader.terms);
  });

  it("sends a snapshot to a follower whose entries are compacted, and goes on when it is there", () => {
    const leader = aLeaderOf([1, 1, 1]);
    leader.storage.compact(3, aConfState([1, 2, 3]), 3);
    const fields = { term: leader.term, index: 3, reject: true, rejectHint: 0 };
    leader.step("MsgAppResp", 3, fields);
    assert.equal(leader.last("MsgSnap").snapshot?.index, 3);
    assert.equal(leader.raw.status().progress.get(3)?.state, "snapshot");
    leader.raw.reportSnapshot(3, true);
    leader.step("MsgAppResp", 3, { term: leader.term, index: 3 });
    assert.equal(leader.raw.status().progress.get(3)?.state, "replicate");
    assert.equal(leader.last("MsgApp").entries[0]?.index, 4);
    // Its answers to heartbeats tell when its state machine has it too.
    const isRestoring = (): boolean | undefined => leader.raw.status().progress.get(3)?.isRestoring;
    const found = [isRestoring()];
    for (const index of [0, 2, 3]) {
      leader.step("MsgHeartbeatResp", 3, { term: leader.term, index });
      found.push(isRestoring());
    }
    assert.deepEqual(found, [true, true, true, false]);
  });

  it("tells the leader how far this follower has applied", () => {
    const follower = new CoreNode({ id: 1, voters: [1, 2], terms: [1, 1, 1], commit: 2 });
    const [answer] = follower.step("MsgHeartbeat", 2, { term: 1 });
    assert.deepEqual([answer?.type, answer?.index], ["MsgHeartbeatResp", 2]);
  });

  it("sends the snapshot again when it was lost", () => {
    const leader = aLeaderOf([1, 1, 1]);
    leader.storage.compact(3, aConfState([1, 2, 3]), 3);
    leader.step("MsgAppResp", 3, { term: leader.term, index: 3, reject: true, rejectHint: 0 });
    leader.raw.reportSnapshot(3, false);
    leader.step("MsgHeartbeatResp", 3, { term: leader.term });
    assert.equal(leader.sent.filter(({ type }) => type === "MsgSnap").length, 2);
  });
});

function aLeader(config: ConstructorParameters<typeof CoreNode>[0]["config"] & object): CoreNode {
  const leader = new CoreNode({ id: 1, voters: [1, 2, 3], config });
  leader.lead(2);
  leader.follow(2);
  return leader;
}

/** With a log that was there before its election. */
function aLeaderOf(terms: readonly number[]): CoreNode {
  const leader = new CoreNode({ id: 1, voters: [1, 2, 3], terms, commit: 3 });
  leader.lead(3);
  return leader;
}
