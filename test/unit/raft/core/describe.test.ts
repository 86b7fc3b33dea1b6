import { strict as assert } from "node:assert";
import {
  describeConfChange,
  describeConfState,
  describeEntry,
  describeHardState,
  describeMessage,
  describeOutcome,
  describeProgress,
  describeReady,
  describeSnapshot,
  describeStatus,
} from "../../../../src/raft/core/describe.ts";
import { type Entry, type Message, makeMessage } from "../../../../src/raft/core/types.ts";
import { aConfChange } from "../../../support/raft-conf-change-codec.ts";
import { CoreNode, entry } from "../../../support/raft-core.ts";
import { aConfState } from "../../../support/raft-memory-storage.ts";

const message = (type: Message["type"], fields: Partial<Message> = {}): Message => ({
  ...makeMessage(type, 2, fields),
  from: 1,
});
const normal = (text: string): Entry => ({ ...entry(6, 2), data: Buffer.from(text) });

describe("the text form of the core", () => {
  const snapshot = { index: 9, term: 3, confState: aConfState([1, 2], [3]) };
  const table: { name: string; given: string; want: string }[] = [
    { name: "an empty entry", given: describeEntry(entry(6, 2)), want: "6/2" },
    {
      name: "an entry keeps its data to itself",
      given: describeEntry(normal("x")),
      want: "6/2 1 bytes",
    },
    {
      name: "an entry's data when asked for",
      given: describeEntry(normal("x"), ({ data }) => Buffer.from(data).toString()),
      want: "6/2 x",
    },
    {
      name: "a change's entry",
      given: describeEntry({ ...entry(6, 2), type: "conf-change" }),
      want: "6/2 change",
    },
    {
      name: "a hard state",
      given: describeHardState({ term: 3, vote: 0, commit: 7 }),
      want: "term 3, vote none, commit 7",
    },
    {
      name: "a configuration with all it may have",
      given: describeConfState({
        voters: [1, 2],
        votersOutgoing: [1, 3],
        learners: [4],
        learnersNext: [3],
        autoLeave: true,
      }),
      want: "voters 1 2, outgoing 1 3, learners 4, learners next 3, auto-leave",
    },
    { name: "nobody", given: describeConfState(aConfState([])), want: "voters none" },
    { name: "a change", given: describeConfChange(aConfChange("+4 ~5 -1")), want: "+4 ~5 -1" },
    {
      name: "an explicit change",
      given: describeConfChange(aConfChange("+4", true)),
      want: "+4 explicit",
    },
    { name: "the end of a joint one", given: describeConfChange(aConfChange("")), want: "leave" },
    {
      name: "a snapshot",
      given: describeSnapshot(snapshot),
      want: "snapshot 9/3 (voters 1 2, learners 3)",
    },
    {
      name: "an append",
      given: describeMessage(
        message("MsgApp", { term: 2, index: 5, logTerm: 1, commit: 4, entries: [entry(6, 2)] }),
      ),
      want: "1>2 MsgApp term 2: 6/2 after 5/1, commit 4",
    },
    {
      name: "a refused append",
      given: describeMessage(
        message("MsgAppResp", { term: 2, index: 5, reject: true, rejectHint: 3, logTerm: 1 }),
      ),
      want: "1>2 MsgAppResp term 2: refuses after 5, try 3/1",
    },
    {
      name: "a vote asked for by the leader",
      given: describeMessage(
        message("MsgVote", { term: 2, index: 5, logTerm: 1, context: Uint8Array.of(1) }),
      ),
      want: "1>2 MsgVote term 2: log ends at 5/1, asked by the leader",
    },
    {
      name: "a refused vote with what is committed",
      given: describeMessage(
        message("MsgVoteResp", { term: 2, reject: true, commit: 4, commitTerm: 1 }),
      ),
      want: "1>2 MsgVoteResp term 2: no, commit 4/1",
    },
    {
      name: "a heartbeat that proves reads",
      given: describeMessage(message("MsgHeartbeat", { term: 2, context: Uint8Array.of(10) })),
      want: "1>2 MsgHeartbeat term 2: commit 0, context 0a",
    },
    {
      name: "an installation",
      given: describeMessage(message("MsgSnap", { term: 2, snapshot })),
      want: "1>2 MsgSnap term 2: snapshot 9/3 (voters 1 2, learners 3)",
    },
    {
      name: "the short ones",
      given: describeMessage(message("MsgTimeoutNow")),
      want: "1>2 MsgTimeoutNow",
    },
    {
      name: "a taken proposal",
      given: describeOutcome({ kind: "appended", index: 4, term: 2 }),
      want: "appended as 4/2",
    },
    {
      name: "a dropped one",
      given: describeOutcome({ kind: "dropped", reason: "busy" }),
      want: "dropped: busy",
    },
    {
      name: "a member's progress",
      given: describeProgress({
        state: "snapshot",
        match: 3,
        next: 10,
        pendingSnapshot: 9,
        isRestoring: true,
        inflightMessages: 2,
        inflightBytes: 30,
        paused: true,
        isLearner: true,
        recentActive: false,
      }),
      want:
        "snapshot match 3 next 10, snapshot 9, under way 2 messages of 30 bytes, " +
        "paused, learner, inactive",
    },
    {
      name: "the progress of one that has the snapshot, but not as its state yet",
      given: describeProgress({
        state: "replicate",
        match: 9,
        next: 10,
        pendingSnapshot: 0,
        isRestoring: true,
        inflightMessages: 0,
        inflightBytes: 0,
        paused: false,
        isLearner: true,
        recentActive: true,
      }),
      want: "replicate match 9 next 10, restoring, learner",
    },
  ];
  for (const { name, given, want } of table) it(name, () => assert.equal(given, want));

  it("tells a Ready in the order it is to be done, and nothing of an empty one", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2, 3] });
    node.raw.step({ ...node.message("MsgApp", 2), term: 1, entries: [entry(1, 1)] });
    assert.deepEqual(describeReady(node.raw.ready()), [
      "is follower, leader 2",
      "append 1/1",
      "state term 1, vote none, commit 0",
      "sync",
      "then send 1>2 MsgAppResp term 1: has 1",
    ]);
    assert.deepEqual(describeReady(node.raw.ready()), []);
  });

  it("tells a leader's status with all it leads", () => {
    const node = new CoreNode({ id: 1, voters: [1, 2] });
    node.lead(2);
    assert.deepEqual(describeStatus(node.raw.status()), [
      "1 leader, leader 1; term 1, vote 1, commit 0; applied 0; log 1..1/1; voters 1 2",
      "  1: replicate match 1 next 2",
      "  2: probe match 0 next 1, paused, inactive",
    ]);
  });
});
