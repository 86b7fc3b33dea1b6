import { must, unreachable } from "../../base/assert.ts";
import { isClusterError } from "../../base/errors.ts";
import { changeConfig } from "./confchange/changer.ts";
import { isVoter } from "./confchange/member-config.ts";
import { leaderReadIndex, proveReads, startEarlyReads } from "./leader-reads.ts";
import { dataBytes } from "./log/raft-log.ts";
import type { Raft } from "./raft.ts";
import { broadcastHeartbeat, sendAppend } from "./replicate.ts";
import type { Progress } from "./tracker/progress.ts";
import {
  type DropReason,
  type EntryType,
  type Message,
  makeMessage,
  noData,
  type ProposeOutcome,
} from "./types.ts";

/** An entry of the new term; only with it can earlier ones be committed (Raft §5.4.2, §8). */
export function startTerm(raft: Raft): void {
  appendOwn(raft, "normal", noData);
}

/** Heartbeats, and the check that a quorum still listens. */
export function leaderTick(raft: Raft): void {
  raft.heartbeatElapsed += 1;
  raft.electionElapsed += 1;
  if (raft.electionElapsed >= raft.config.electionTicks) {
    raft.electionElapsed = 0;
    if (!raft.tracker.quorumActive()) {
      raft.becomeFollower(raft.term, 0);
      return;
    }
    raft.tracker.markInactive(raft.id);
    raft.transferTo = 0; // took too long
  }
  if (raft.heartbeatElapsed >= raft.config.heartbeatTicks) {
    raft.heartbeatElapsed = 0;
    broadcastHeartbeat(raft);
  }
}

/** What a leader does with a message of its term. */
export function stepLeader(raft: Raft, message: Message): void {
  const { type, from } = message;
  switch (type) {
    case "MsgAppResp":
    case "MsgHeartbeatResp": {
      const progress = raft.tracker.progress.get(from);
      if (progress === undefined) return; // removed
      progress.recentActive = true;
      if (type === "MsgAppResp") handleAppendAnswer(raft, message, progress);
      else handleHeartbeatAnswer(raft, message, progress);
      return;
    }
    case "MsgReadIndex":
      leaderReadIndex(raft, { from, context: message.context });
      return;
    case "MsgReadIndexResp":
      raft.readStates.push({ index: message.index, context: message.context });
      return;
    case "MsgApp":
    case "MsgHeartbeat":
    case "MsgSnap":
    case "MsgVote":
    case "MsgVoteResp":
    case "MsgPreVote":
    case "MsgPreVoteResp":
    case "MsgTimeoutNow":
      return;
    default:
      unreachable(type);
  }
}

/** Appends what a client wants; it is sent with the next Ready, together with others. */
export function propose(raft: Raft, type: EntryType, data: Uint8Array): ProposeOutcome {
  const reason = refusal(raft, type, data);
  if (reason !== undefined) return { kind: "dropped", reason };
  const index = appendOwn(raft, type, data);
  if (type === "conf-change") raft.pendingConfIndex = index;
  return { kind: "appended", index, term: raft.term };
}

function refusal(raft: Raft, type: EntryType, data: Uint8Array): DropReason | undefined {
  if (raft.role !== "leader" || !raft.tracker.progress.has(raft.id)) return "not-leader";
  if (raft.transferTo !== 0) return "transferring";
  if (type === "conf-change") {
    // One at a time, and none before this term's first commit: the quorums of two leaders' changes
    // could miss each other (Ongaro, 2015, on single-server changes).
    if (raft.log.applied < raft.pendingConfIndex || !hasCommittedInTerm(raft)) {
      return "pending-change";
    }
    try {
      changeConfig(raft.tracker.config, raft.deps.decodeConfChange(data));
    } catch (error) {
      if (!isClusterError(error)) throw error;
      return "invalid-change";
    }
  }
  const room = raft.config.uncommittedBytesMax - raft.uncommittedBytes;
  // One entry always fits, and one that leaves a joint configuration has no data.
  if (data.length > 0 && raft.uncommittedBytes > 0 && data.length > room) return "busy";
  return undefined;
}

/** Whether the commit index is one of this leader's own term, and so not behind. */
export function hasCommittedInTerm(raft: Raft): boolean {
  return raft.log.term(raft.log.committed) === raft.term;
}

/** What became durable here counts as one acknowledgement. */
export function acknowledgeOwn(raft: Raft): void {
  const own = raft.tracker.progress.get(raft.id);
  if (own?.maybeUpdate(raft.log.durableIndex())) maybeCommit(raft);
}

/** Entries were applied: those of this leader are not under way any more. */
export function afterApply(raft: Raft): void {
  const { config } = raft.tracker;
  if (config.autoLeave && raft.log.applied >= raft.pendingConfIndex) {
    raft.pendingConfIndex = appendOwn(raft, "conf-change", noData);
  }
}

/** The members have changed under a leader. */
export function afterConfigChange(raft: Raft): void {
  if (!isVoter(raft.tracker.config, raft.id)) {
    raft.becomeFollower(raft.term, 0);
    return;
  }
  if (raft.transferTo !== 0 && !isVoter(raft.tracker.config, raft.transferTo)) raft.transferTo = 0;
  maybeCommit(raft);
  proveReads(raft);
  raft.appendWanted = true;
}

/** Hands leadership to a voter (Ongaro's thesis §3.10); false when it cannot be. */
export function transferLeader(raft: Raft, to: number): boolean {
  if (raft.role !== "leader" || to === raft.id || !isVoter(raft.tracker.config, to)) return false;
  if (raft.transferTo === to) return true;
  raft.transferTo = to;
  raft.electionElapsed = 0; // it has one election timeout
  const progress = must(raft.tracker.progress.get(to), "a voter's progress");
  if (progress.match === raft.log.lastIndex()) raft.send(makeMessage("MsgTimeoutNow", to));
  else sendAppend(raft, to, progress);
  return true;
}

function appendOwn(raft: Raft, type: EntryType, data: Uint8Array): number {
  const index = raft.log.lastIndex() + 1;
  raft.log.append([{ index, term: raft.term, type, data }]);
  raft.uncommittedBytes += data.length;
  raft.appendWanted = true;
  return index;
}

/** Only an entry of this term counts; those before it come with it (Raft §5.4.2, Figure 8). */
function maybeCommit(raft: Raft): boolean {
  const before = raft.log.committed;
  if (!raft.log.maybeCommit(raft.tracker.committed(), raft.term)) return false;
  const slice = raft.log.slice(before + 1, raft.log.committed + 1, Number.POSITIVE_INFINITY);
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - dataBytes(slice ?? []));
  raft.appendWanted = true;
  startEarlyReads(raft);
  return true;
}

function handleAppendAnswer(raft: Raft, message: Message, progress: Progress): void {
  const { from, index, reject, rejectHint, logTerm } = message;
  if (reject) {
    // Both sides skip whole terms, so that a long divergence takes one probe a term.
    const next = logTerm > 0 ? raft.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint;
    if (!progress.maybeDecrease(index, next)) return;
    if (progress.state === "replicate") progress.becomeProbe();
    sendAppend(raft, from, progress);
    return;
  }
  const isNews = progress.maybeUpdate(index);
  if (!isNews && !(progress.match === index && progress.state === "probe")) return;
  if (progress.state === "probe") progress.becomeReplicate();
  else if (progress.state === "snapshot") {
    // It has got far enough for the log to go on from, by this snapshot or another.
    if (progress.match + 1 >= raft.log.firstIndex()) progress.becomeReplicate();
  } else progress.inflights.freeTo(index);
  if (isNews) maybeCommit(raft);
  raft.appendWanted = true;
  if (raft.transferTo === from && progress.match === raft.log.lastIndex()) {
    raft.send(makeMessage("MsgTimeoutNow", from));
  }
}

function handleHeartbeatAnswer(raft: Raft, message: Message, progress: Progress): void {
  progress.paused = false;
  progress.applied = message.index;
  // Whatever was lost is sent again.
  if (progress.match < raft.log.lastIndex() || progress.state === "probe") {
    sendAppend(raft, message.from, progress);
  }
  proveReads(raft, message);
}
