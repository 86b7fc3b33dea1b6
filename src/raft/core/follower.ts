import { assert, unreachable } from "../../base/assert.ts";
import { hup } from "./election.ts";
import { handleAppend, handleHeartbeat, handleSnapshot } from "./from-leader.ts";
import type { Raft } from "./raft.ts";
import type { Message } from "./types.ts";

/** What a follower does with a message of its term. */
export function stepFollower(raft: Raft, message: Message): void {
  const { type, from } = message;
  switch (type) {
    case "MsgApp":
      hearLeader(raft, from);
      handleAppend(raft, message);
      return;
    case "MsgHeartbeat":
      hearLeader(raft, from);
      handleHeartbeat(raft, message);
      return;
    case "MsgSnap":
      hearLeader(raft, from);
      handleSnapshot(raft, message);
      return;
    case "MsgTimeoutNow":
      hup(raft, "transfer");
      return;
    case "MsgReadIndexResp":
      raft.readStates.push({ index: message.index, context: message.context });
      return;
    case "MsgReadIndex":
    case "MsgAppResp":
    case "MsgHeartbeatResp":
    case "MsgVote":
    case "MsgVoteResp":
    case "MsgPreVote":
    case "MsgPreVoteResp":
      return;
    default:
      unreachable(type);
  }
}

function hearLeader(raft: Raft, leaderId: number): void {
  assert(raft.leaderId === 0 || raft.leaderId === leaderId, `term ${raft.term} has two leaders`);
  raft.electionElapsed = 0;
  raft.leaderId = leaderId;
}
