import { assert } from "../../base/assert.ts";
import { restoreConfig } from "./confchange/member-config.ts";
import type { Raft } from "./raft.ts";
import { type Message, makeMessage, type SnapshotMetadata } from "./types.ts";

/** Raft §5.3, Figure 2 "AppendEntries receiver". */
export function handleAppend(raft: Raft, message: Message): void {
  const { from, index, logTerm, entries, commit } = message;
  const { log } = raft;
  assert(
    entries.every((entry, at) => entry.index === index + 1 + at),
    `an append after ${index} has a gap`,
  );
  if (index < log.committed) {
    // What is committed is the same everywhere; tell the leader that it is here.
    raft.send(makeMessage("MsgAppResp", from, { index: log.committed }));
    return;
  }
  if (log.maybeAppend({ index, term: logTerm }, entries)) {
    const last = index + entries.length;
    // Not beyond `last`: what follows it here may be another leader's.
    log.commitTo(Math.min(commit, last));
    raft.send(makeMessage("MsgAppResp", from, { index: last }));
    return;
  }
  const hint = log.findConflictByTerm(Math.min(index, log.lastIndex()), logTerm);
  const fields = { index, reject: true, rejectHint: hint.index, logTerm: hint.term };
  raft.send(makeMessage("MsgAppResp", from, fields));
}

/** A heartbeat's commit is never above what this follower has acknowledged to its leader; the answer tells how far it has applied. */
export function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit);
  const fields = { context: message.context, index: raft.log.applied };
  raft.send(makeMessage("MsgHeartbeatResp", message.from, fields));
}

/** Raft §7. The snapshot's bytes are durable here already. */
export function handleSnapshot(raft: Raft, message: Message): void {
  const { snapshot, from } = message;
  assert(snapshot !== undefined, "a MsgSnap without a snapshot");
  const index = restore(raft, snapshot) ? raft.log.lastIndex() : raft.log.committed;
  raft.send(makeMessage("MsgAppResp", from, { index }));
}

function restore(raft: Raft, snapshot: SnapshotMetadata): boolean {
  const { log } = raft;
  if (snapshot.index <= log.committed) return false;
  // The log has all of it: a snapshot would only lose what follows.
  if (log.maybeCommit(snapshot.index, snapshot.term)) return false;
  log.restore(snapshot);
  raft.switchConfig(restoreConfig(snapshot.confState), snapshot.index);
  return true;
}
