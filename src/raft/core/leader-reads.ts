import { jointIds } from "./quorum/joint.ts";
import type { Raft } from "./raft.ts";
import { decodeCounter, type PendingRead } from "./read-only.ts";
import { type Message, makeMessage } from "./types.ts";

/** A read came in; it is answered when a quorum has shown that this leader still leads. */
export function leaderReadIndex(raft: Raft, read: PendingRead): void {
  const { committed } = raft.log;
  // A new leader's commit index may be behind its predecessor's until it commits (Raft §8).
  const isCurrent = raft.log.term(committed) === raft.term;
  const taken = isCurrent ? raft.readOnly.add(read, committed) : raft.readOnly.addEarly(read);
  if (!taken) {
    if (read.from === raft.id) raft.failedReads.push(read.context);
    return;
  }
  if (!isCurrent) return;
  raft.heartbeatWanted = true;
  proveReads(raft);
}

/** Starts the reads that waited for the term's first commit. */
export function startEarlyReads(raft: Raft): void {
  for (const read of raft.readOnly.takeEarly()) leaderReadIndex(raft, read);
}

/** Answers the reads that a quorum's echoes prove; with `echo`, a follower has just answered. */
export function proveReads(raft: Raft, echo?: Message): void {
  if (raft.readOnly.waiting === 0) return;
  const { tracker, readOnly } = raft;
  const own = tracker.progress.get(raft.id);
  if (own !== undefined) own.readAck = readOnly.counter;
  if (echo !== undefined) {
    const progress = tracker.progress.get(echo.from);
    const counter = decodeCounter(echo.context);
    if (progress !== undefined) progress.readAck = Math.max(progress.readAck, counter);
  } else if (jointIds(tracker.config).length > 1) {
    return; // nothing new was heard
  }
  for (const { from, context, index } of readOnly.takeConfirmed(tracker.readConfirmed())) {
    if (from === raft.id) raft.readStates.push({ index, context });
    else raft.send(makeMessage("MsgReadIndexResp", from, { index, context }));
  }
}
