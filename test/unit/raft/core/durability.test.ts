import { strict as assert } from "node:assert";
import { defaultRaftConfig } from "../../../../src/raft/core/config.ts";
import { Unstable } from "../../../../src/raft/core/log/unstable.ts";
import { RawNode } from "../../../../src/raft/core/raw-node.ts";
import { type Message, type MessageType, makeMessage } from "../../../../src/raft/core/types.ts";
import { decodeConfChange } from "../../../support/raft-conf-change-codec.ts";
import { entry } from "../../../support/raft-core.ts";
import { aConfState, RaftMemoryStorage } from "../../../support/raft-memory-storage.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

describe("durable before it is said", () => {
  it("asks for votes only once the candidacy is durable", () => {
    const { raw } = member([1, 2, 3]);
    raw.campaign();
    const asked = raw.ready();
    assert.deepEqual(types(asked.messages), ["MsgPreVote", "MsgPreVote"]);
    raw.step(message("MsgPreVoteResp", 2, { term: 1 }));
    const ready = raw.ready();
    assert.deepEqual(types(ready.messages), []);
    assert.deepEqual(types(ready.messagesAfterPersist), ["MsgVote", "MsgVote"]);
    assert.deepEqual(ready.hardState, { term: 1, vote: 1, commit: 0 });
    assert.equal(ready.mustSync, true);
  });

  it("counts its own vote and its own entries only once they are durable", () => {
    const { raw, storage } = member([1]);
    raw.campaign();
    const vote = raw.ready();
    assert.equal(raw.status().role, "candidate");
    storage.write(vote);
    raw.advanceAppend(vote);
    assert.equal(raw.status().role, "leader");
    const first = raw.ready();
    assert.equal(raw.status().commit, 0);
    storage.write(first);
    raw.advanceAppend(first);
    assert.equal(raw.status().commit, 1);
  });

  it("acknowledges entries and grants votes only after the write", () => {
    const { raw } = member([1, 2, 3]);
    raw.step(message("MsgApp", 2, { term: 1, entries: [entry(1, 1)] }));
    const appended = raw.ready();
    assert.deepEqual(
      [types(appended.messages), types(appended.messagesAfterPersist)],
      [[], ["MsgAppResp"]],
    );
    raw.forgetLeader();
    raw.step(message("MsgVote", 3, { term: 2, index: 1, logTerm: 1 }));
    const voted = raw.ready();
    assert.deepEqual(
      [types(voted.messages), types(voted.messagesAfterPersist)],
      [[], ["MsgVoteResp"]],
    );
  });

  it("applies only what is durable here", () => {
    const { raw, storage } = member([1, 2, 3]);
    raw.step(message("MsgApp", 2, { term: 1, entries: [entry(1, 1)], commit: 1 }));
    const ready = raw.ready();
    assert.deepEqual(ready.committedEntries, []);
    storage.write(ready);
    raw.advanceAppend(ready);
    assert.deepEqual(raw.ready().committedEntries, [entry(1, 1)]);
  });

  it("does not take an old write's end for that of equal entries written again (ABA)", () => {
    const { raw, storage } = member([1, 2, 3]);
    raw.step(message("MsgApp", 2, { term: 2, entries: [entry(1, 2)] }));
    const first = raw.ready();
    raw.step(message("MsgApp", 3, { term: 3, entries: [entry(1, 3)] }));
    const second = raw.ready();
    raw.step(message("MsgApp", 2, { term: 4, entries: [entry(1, 2)], commit: 1 }));
    const third = raw.ready();
    storage.write(first);
    raw.advanceAppend(first); // on disk 1/2 for now, but 1/3 will replace it before 1/2 comes again
    assert.equal(raw.hasReady(), false);
    storage.write(second);
    raw.advanceAppend(second);
    assert.equal(raw.hasReady(), false);
    storage.write(third);
    raw.advanceAppend(third);
    assert.deepEqual(raw.ready().committedEntries, [entry(1, 2)]);
  });
});

describe("the end of the log that is not durable", () => {
  it("hands out each entry once and keeps it until its write is done", () => {
    const unstable = new Unstable(5);
    unstable.append([entry(5, 1), entry(6, 1)]);
    assert.deepEqual(unstable.handOut(1).entries, [entry(5, 1), entry(6, 1)]);
    unstable.append([entry(7, 1)]);
    assert.deepEqual(unstable.handOut(2).entries, [entry(7, 1)]);
    assert.equal(unstable.hasWork(), false);
    unstable.acknowledge(1);
    assert.deepEqual([unstable.offset, unstable.term(6), unstable.term(7)], [7, undefined, 1]);
  });

  it("hands out again what was replaced", () => {
    const unstable = new Unstable(5);
    unstable.append([entry(5, 1), entry(6, 1), entry(7, 1)]);
    unstable.handOut(1);
    unstable.append([entry(6, 2)]);
    assert.deepEqual(unstable.handOut(2).entries, [entry(6, 2)]);
    unstable.acknowledge(1);
    assert.deepEqual([unstable.offset, unstable.lastIndex()], [6, 6]);
  });

  it("goes back before durable entries", () => {
    const unstable = new Unstable(5);
    unstable.append([entry(3, 2)]);
    assert.deepEqual([unstable.offset, unstable.lastIndex()], [3, 3]);
  });

  it("starts over after a snapshot, and writes that come after it", () => {
    const unstable = new Unstable(5);
    unstable.append([entry(5, 1)]);
    unstable.handOut(1);
    const snapshot = { index: 9, term: 2, confState: aConfState([1]) };
    unstable.restore(snapshot);
    unstable.append([entry(10, 2)]);
    assert.deepEqual(unstable.handOut(2), { snapshot, entries: [entry(10, 2)] });
    unstable.acknowledge(1);
    assert.equal(unstable.snapshot, snapshot);
    unstable.acknowledge(2);
    assert.deepEqual([unstable.snapshot, unstable.offset], [undefined, 11]);
  });
});

function member(voters: readonly number[]): { raw: RawNode; storage: RaftMemoryStorage } {
  const storage = new RaftMemoryStorage(aConfState(voters));
  const deps = { storage, random: seededRandom(1), decodeConfChange };
  return { storage, raw: new RawNode({ ...defaultRaftConfig, id: 1 }, deps) };
}

function message(type: MessageType, from: number, fields: Partial<Message>): Message {
  return { ...makeMessage(type, 1, fields), from };
}

function types(messages: readonly Message[]): MessageType[] {
  return messages.map(({ type }) => type);
}
