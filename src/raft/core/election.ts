import { unreachable } from "../../base/assert.ts";
import { handleAppend, handleHeartbeat, handleSnapshot } from "./from-leader.ts";
import { startTerm } from "./leader.ts";
import { jointIds } from "./quorum/joint.ts";
import type { Raft } from "./raft.ts";
import { type Message, makeMessage, noData } from "./types.ts";

/** Marks a vote request that the leader has asked for: it is heard though a leader is known. */
const transferContext: Uint8Array = Uint8Array.of(1);

/** transfer: the leader has asked for it, so nobody asks whether one is needed. */
export type CampaignKind = "pre-vote" | "election" | "transfer";

/** Campaigns, unless this member may not or knows too little of who its voters are. */
export function hup(raft: Raft, kind: CampaignKind): void {
  if (raft.role === "leader" || !raft.promotable()) return;
  // It could win by the majority of an outdated configuration.
  if (raft.log.hasUnappliedConfChange()) return;
  campaign(raft, kind);
}

function campaign(raft: Raft, kind: CampaignKind): void {
  if (kind === "pre-vote") raft.becomePreCandidate();
  else raft.becomeCandidate();
  const isPre = kind === "pre-vote";
  const term = isPre ? raft.term + 1 : raft.term;
  for (const id of jointIds(raft.tracker.config)) {
    if (id === raft.id) continue;
    const fields = {
      term,
      index: raft.log.lastIndex(),
      logTerm: raft.log.lastTerm(),
      context: kind === "transfer" ? transferContext : noData,
      ...commitInfo(raft),
    };
    raft.send(makeMessage(isPre ? "MsgPreVote" : "MsgVote", id, fields));
  }
  // Its own vote counts only once it is durable, as everyone's does; a pre-vote promises nothing.
  if (isPre) poll(raft, raft.id, true);
  else raft.send(makeMessage("MsgVoteResp", raft.id, { term }));
}

/** Raft §5.2, §5.4.1: one vote a term, and only for a log that is not behind. */
export function handleVoteRequest(raft: Raft, message: Message): void {
  const { type, from, term } = message;
  const isPre = type === "MsgPreVote";
  const isFree = raft.vote === 0 && raft.leaderId === 0;
  const canVote = raft.vote === from || isFree || (isPre && term > raft.term);
  const answer = isPre ? "MsgPreVoteResp" : "MsgVoteResp";
  // A learner votes too: it may have been promoted without knowing it yet.
  if (canVote && raft.log.isUpToDate(message.index, message.logTerm)) {
    raft.send(makeMessage(answer, from, { term }));
    if (isPre) return;
    raft.electionElapsed = 0;
    raft.vote = from;
    return;
  }
  raft.send(makeMessage(answer, from, { term: raft.term, reject: true, ...commitInfo(raft) }));
  commitByVote(raft, message);
}

/** A candidate or pre-candidate hears answers, and any leader of its term. */
export function stepCandidate(raft: Raft, message: Message): void {
  const { type, from, term } = message;
  switch (type) {
    case "MsgApp":
      raft.becomeFollower(term, from);
      handleAppend(raft, message);
      return;
    case "MsgHeartbeat":
      raft.becomeFollower(term, from);
      handleHeartbeat(raft, message);
      return;
    case "MsgSnap":
      raft.becomeFollower(term, from);
      handleSnapshot(raft, message);
      return;
    case "MsgVoteResp":
      if (raft.role === "candidate") handleAnswer(raft, message);
      return;
    case "MsgPreVoteResp":
      // One that grants another term answers an earlier question.
      if (raft.role !== "pre-candidate" || (!message.reject && term !== raft.term + 1)) return;
      handleAnswer(raft, message);
      return;
    case "MsgReadIndexResp":
      raft.readStates.push({ index: message.index, context: message.context });
      return;
    case "MsgTimeoutNow":
    case "MsgReadIndex":
    case "MsgAppResp":
    case "MsgHeartbeatResp":
    case "MsgVote":
    case "MsgPreVote":
      return;
    default:
      unreachable(type);
  }
}

function handleAnswer(raft: Raft, message: Message): void {
  poll(raft, message.from, !message.reject);
  // Also when that has lost the election: what is learned may make the next one winnable.
  if (message.reject) commitByVote(raft, message);
}

function poll(raft: Raft, id: number, granted: boolean): void {
  raft.tracker.recordVote(id, granted);
  const result = raft.tracker.voteResult();
  if (result === "won") {
    if (raft.role === "pre-candidate") campaign(raft, "election");
    else {
      raft.becomeLeader();
      startTerm(raft);
    }
  } else if (result === "lost") {
    raft.becomeFollower(raft.term, 0);
  }
}

function commitInfo(raft: Raft): { commit: number; commitTerm: number } {
  if (!raft.config.commitByVote) return { commit: 0, commitTerm: 0 };
  const commit = raft.log.committed;
  return { commit, commitTerm: raft.log.term(commit) ?? 0 };
}

/**
 * Learns from a vote what is committed. Without it a joint change can stall for good: those who know
 * of the commit cannot be elected, and those who can be elected may not campaign.
 */
function commitByVote(raft: Raft, { commit, commitTerm }: Message): void {
  if (raft.role === "leader" || !raft.config.commitByVote) return;
  if (!raft.log.maybeCommit(commit, commitTerm)) return;
  // The election under way is by voters that are not the right ones any more.
  if (raft.role !== "follower" && raft.log.hasUnappliedConfChange()) {
    raft.becomeFollower(raft.term, 0);
  }
}
