import { strict as assert } from "node:assert";
import fc from "fast-check";
import { isClusterError } from "../../../../src/base/errors.ts";
import type { MessageType } from "../../../../src/raft/core/types.ts";
import type { RaftMember } from "../../../../src/raft/storage/snapshot-store.ts";
import { Senders } from "../../../../src/raft/transport/senders.ts";

const member = (raftId: number, nodeId: string) => ({ raftId, nodeId, address: "" });

describe("who may speak as which raft member", () => {
  // 3 was node c, and is removed; node b came again as 5 after it was 2.
  const senders = new Senders();
  senders.setMembers([member(1, "a"), member(2, "b"), member(3, "c")]);
  senders.setMembers([member(1, "a"), member(4, "d"), member(5, "b")]);

  const table: { name: string; nodeId: string; from: number; type: MessageType; want?: RegExp }[] =
    [
      { name: "a member", nodeId: "a", from: 1, type: "MsgVote" },
      { name: "a member that came again", nodeId: "b", from: 5, type: "MsgVote" },
      {
        name: "a member in another's name",
        nodeId: "a",
        from: 4,
        type: "MsgApp",
        want: /raft member 4 is node d, and not node a/,
      },
      {
        name: "a stranger in a member's name",
        nodeId: "x",
        from: 1,
        type: "MsgApp",
        want: /is node a, and not node x/,
      },
      {
        name: "a removed member",
        nodeId: "c",
        from: 3,
        type: "MsgApp",
        want: /raft member 3 \(node c\) was removed/,
      },
      {
        name: "a member by the raft id it had before",
        nodeId: "b",
        from: 2,
        type: "MsgHeartbeat",
        want: /raft member 2 \(node b\) was removed/,
      },
      {
        name: "a stranger that reads",
        nodeId: "x",
        from: 9,
        type: "MsgReadIndex",
        want: /raft member 9 \(node x\) is not known/,
      },
      {
        name: "a stranger that hands over what it does not have",
        nodeId: "x",
        from: 9,
        type: "MsgTimeoutNow",
        want: /is not known/,
      },
      {
        name: "a stranger that votes",
        nodeId: "x",
        from: 9,
        type: "MsgVoteResp",
        want: /is not known/,
      },
      {
        name: "a stranger that answers",
        nodeId: "x",
        from: 9,
        type: "MsgAppResp",
        want: /is not known/,
      },
      {
        name: "a leader that this member has not heard of yet",
        nodeId: "x",
        from: 9,
        type: "MsgApp",
      },
      {
        name: "a candidate that this member has not heard of",
        nodeId: "x",
        from: 9,
        type: "MsgVote",
      },
      { name: "one that asks before", nodeId: "x", from: 9, type: "MsgPreVote" },
      { name: "a removed node under a new id", nodeId: "c", from: 6, type: "MsgApp" },
      { name: "a member under a newer id", nodeId: "a", from: 7, type: "MsgVote" },
      { name: "such a leader's snapshot", nodeId: "x", from: 9, type: "MsgSnap" },
    ];
  for (const { name, nodeId, from, type, want } of table) {
    it(`${want === undefined ? "hears" : "refuses"} ${name}`, () => {
      const check = (): void => senders.check(nodeId, { from, type });
      if (want === undefined) check();
      else assert.throws(check, (error) => isRefusal(error, want));
    });
  }

  it("refuses after a restart whom the state names as removed, and still hears new leaders", () => {
    const restarted = new Senders((raftId) => raftId === 3);
    restarted.setMembers([member(1, "a"), member(5, "b")]);
    assert.throws(
      () => restarted.check("c", { from: 3, type: "MsgApp" }),
      (error) => isRefusal(error, /raft member 3 \(node c\) was removed/),
    );
    restarted.check("x", { from: 9, type: "MsgApp" });
  });

  // Each member has seen a part of what happened; whoever is in, by what the newest knows, must be able to lead the others.
  it("keeps nobody from leading whom the group has taken in, and hears nobody whose removal is known", () => {
    const change = fc.record({ node: fc.integer({ min: 0, max: 5 }), isIn: fc.boolean() });
    const names = ["a", "b", "c", "d", "e", "f"];
    const runs = fc.property(
      fc.array(change, { maxLength: 40 }),
      fc.nat(40),
      fc.nat(40),
      fc.boolean(),
      (changes, seenBy, restartAt, isRestarted) => {
        const history = configurations(changes.map(({ node, isIn }) => [names[node] ?? "a", isIn]));
        const newest = history.at(-1) ?? [];
        const seen = history.slice(0, 1 + Math.min(seenBy, history.length - 1));
        const gone = removedIn(seen);
        const hearer = new Senders((raftId) => isRestarted && gone.has(raftId));
        const own = isRestarted ? seen.slice(Math.min(restartAt, seen.length - 1)) : seen;
        for (const members of own) hearer.setMembers(members);
        for (const { raftId, nodeId } of newest) {
          for (const type of [
            "MsgApp",
            "MsgHeartbeat",
            "MsgSnap",
            "MsgPreVote",
            "MsgVote",
          ] as const) {
            hearer.check(nodeId, { from: raftId, type });
          }
        }
        for (const [raftId, nodeId] of gone) {
          assert.throws(
            () => hearer.check(nodeId, { from: raftId, type: "MsgApp" }),
            /was removed/,
          );
        }
        for (const { raftId, nodeId } of seen.at(-1) ?? []) {
          const other = nodeId === "a" ? "b" : "a";
          assert.throws(
            () => hearer.check(other, { from: raftId, type: "MsgVote" }),
            /in its name/,
          );
        }
      },
    );
    fc.assert(runs, { numRuns: 300 });
  });
});

/** The members after each change; a node that comes again has a new raft id. */
function configurations(changes: readonly (readonly [string, boolean])[]): RaftMember[][] {
  let members = [member(1, "a")];
  let lastId = 1;
  const history = [members];
  for (const [nodeId, isIn] of changes) {
    const isThere = members.some((other) => other.nodeId === nodeId);
    if (isThere === isIn || (!isIn && members.length === 1)) continue;
    lastId += 1;
    members = isIn
      ? [...members, member(lastId, nodeId)]
      : members.filter((other) => other.nodeId !== nodeId);
    history.push(members);
  }
  return history;
}

function removedIn(history: readonly (readonly RaftMember[])[]): Map<number, string> {
  const all = new Map(history.flat().map(({ raftId, nodeId }) => [raftId, nodeId]));
  for (const { raftId } of history.at(-1) ?? []) all.delete(raftId);
  return all;
}

function isRefusal(error: unknown, text: RegExp): boolean {
  assert.ok(isClusterError(error, "PERMISSION_DENIED"));
  assert.match(error.message, text);
  // Only the daemon's own refusal makes a manager give up (see peer.ts).
  assert.equal(error.details["refused"], undefined);
  return true;
}
