import { dataBytes } from "./log/raft-log.ts";
import type { Raft } from "./raft.ts";
import { encodeCounter } from "./read-only.ts";
import type { Progress } from "./tracker/progress.ts";
import { makeMessage } from "./types.ts";

/** Sends what each follower lacks, as far as its window goes; called once a Ready. */
export function flush(raft: Raft): void {
  if (raft.role !== "leader") return;
  if (raft.heartbeatWanted) broadcastHeartbeat(raft);
  if (!raft.appendWanted) return;
  raft.appendWanted = false;
  for (const [id, progress] of raft.tracker.progress) {
    if (id === raft.id) continue;
    const isCommitNews = progress.sentCommit < raft.log.committed;
    let sent = maybeSendAppend(raft, id, progress, isCommitNews);
    while (sent) sent = maybeSendAppend(raft, id, progress, false);
  }
}

/** To all; each carries the commit index as far as the follower is known to have the log. */
export function broadcastHeartbeat(raft: Raft): void {
  raft.heartbeatWanted = false;
  const context = encodeCounter(raft.readOnly.counter);
  for (const [id, progress] of raft.tracker.progress) {
    if (id === raft.id) continue;
    const commit = Math.min(progress.match, raft.log.committed);
    raft.send(makeMessage("MsgHeartbeat", id, { commit, context }));
  }
}

/** One append, even if it is empty: its answer tells where the follower is. */
export function sendAppend(raft: Raft, to: number, progress: Progress): void {
  maybeSendAppend(raft, to, progress, true);
}

function maybeSendAppend(raft: Raft, to: number, progress: Progress, sendEmpty: boolean): boolean {
  if (progress.isPaused()) return false;
  const { log, config } = raft;
  const index = progress.next - 1;
  const logTerm = log.term(index);
  const { messageBytesMax, learnerInflightBytesMax } = config;
  const isLearner = raft.tracker.config.learners.has(to);
  const isFull =
    progress.state === "replicate" &&
    (progress.inflights.full || (isLearner && progress.inflights.bytes >= learnerInflightBytesMax));
  const bytesMax = isLearner
    ? Math.min(messageBytesMax, learnerInflightBytesMax / 2)
    : messageBytesMax;
  const entries = isFull ? [] : log.slice(progress.next, log.lastIndex() + 1, bytesMax);
  if (logTerm === undefined || entries === undefined) return maybeSendSnapshot(raft, to, progress);
  if (entries.length === 0 && !sendEmpty) return false;
  const commit = log.committed;
  raft.send(makeMessage("MsgApp", to, { index, logTerm, entries, commit }));
  progress.sent(entries.length, dataBytes(entries));
  progress.sentCommit = commit;
  return true;
}

/** For a follower whose next entry was compacted (Raft §7). */
function maybeSendSnapshot(raft: Raft, to: number, progress: Progress): boolean {
  if (!progress.recentActive) return false; // it would be sent to nobody
  const snapshot = raft.log.snapshot();
  if (snapshot === undefined || snapshot.index === 0) return false;
  progress.becomeSnapshot(snapshot.index);
  raft.send(makeMessage("MsgSnap", to, { snapshot }));
  return true;
}
