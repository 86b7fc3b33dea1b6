import { strict as assert } from "node:assert";
import { isClusterError } from "../../../../src/base/errors.ts";
import type { MessageType } from "../../../../src/raft/core/types.ts";
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
        name: "a stranger that asks for a vote",
        nodeId: "x",
        from: 9,
        type: "MsgVote",
        want: /raft member 9 \(node x\) is not known/,
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

  it("ends the streams of removed members, and of nobody else", () => {
    for (const nodeId of ["a", "b", "d", "x"]) senders.admit(nodeId);
    assert.throws(
      () => senders.admit("c"),
      (error) => isRefusal(error, /was removed/),
    );
  });
});

function isRefusal(error: unknown, text: RegExp): boolean {
  assert.ok(isClusterError(error, "PERMISSION_DENIED"));
  assert.match(error.message, text);
  // Only the daemon's own refusal makes a manager give up (see peer.ts).
  assert.equal(error.details["refused"], undefined);
  return true;
}
