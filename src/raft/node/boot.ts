import { ClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { damaged } from "../storage/codec.ts";
import { encodeMemberChange } from "../storage/conf-change-codec.ts";
import { emptyConfState, MemoryStorage } from "../storage/memory-storage.ts";
import type { LoadedLog, RaftStorage } from "../storage/raft-storage.ts";
import type { RaftMember, SnapshotStore, StoredSnapshot } from "../storage/snapshot-store.ts";
import type { StateMachine } from "./state-machine.ts";

export interface BootOptions {
  readonly self: RaftMember;
  readonly bootstrap: boolean;
  readonly forceNewCluster: boolean;
}

export interface BootDeps {
  readonly storage: RaftStorage;
  readonly snapshots: SnapshotStore;
  readonly stateMachine: StateMachine;
  readonly log: Logger;
}

export interface Booted {
  readonly mirror: MemoryStorage;
  /** What the state machine holds now. */
  readonly snapshot: StoredSnapshot | undefined;
  /** Committed before the restart: to be applied before anyone is served. */
  readonly commit: number;
}

/**
 * Brings back what the disk holds: the newest snapshot that the log confirms goes into the state
 * machine, the log into memory. DATA_LOSS when the two do not fit together.
 */
export async function boot(options: BootOptions, deps: BootDeps): Promise<Booted> {
  const loaded = deps.storage.load();
  const isNew = loaded.hardState.term === 0 && loaded.entries.length === 0;
  if (options.bootstrap && isNew) return await firstMember(options.self, deps);
  const snapshot = await chooseSnapshot(loaded, deps);
  if (snapshot !== undefined) {
    await deps.stateMachine.restore(deps.snapshots.read(snapshot));
  }
  if (options.forceNewCluster) return await onlyMember(options.self, loaded, snapshot, deps);
  const mirror = new MemoryStorage(loaded, snapshot);
  return { mirror, snapshot, commit: loaded.hardState.commit };
}

// The group's first entry says who its first member is, so that later members learn it by the log.
async function firstMember(self: RaftMember, { storage }: BootDeps): Promise<Booted> {
  const data = encodeMemberChange({
    changes: [{ type: "CONF_ADD_NODE", raftId: self.raftId }],
    transition: "TRANSITION_AUTO",
    members: [self],
  });
  const hardState = { term: 1, vote: 0, commit: 1 };
  const entries = [{ index: 1, term: 1, type: "conf-change" as const, data }];
  await storage.write({ hardState, entries, sync: true });
  const mirror = new MemoryStorage(
    { hardState, entries, truncated: { index: 0, term: 0 } },
    undefined,
  );
  return { mirror, snapshot: undefined, commit: 1 };
}

// A snapshot beyond the commit index was received but not installed when the process ended.
async function chooseSnapshot(
  loaded: LoadedLog,
  { snapshots, log }: BootDeps,
): Promise<StoredSnapshot | undefined> {
  let chosen: StoredSnapshot | undefined;
  for (const snapshot of await snapshots.list()) {
    if (snapshot.index > loaded.hardState.commit) {
      log.info({ index: snapshot.index }, "dropping a snapshot that was not installed");
      await snapshots.remove(snapshot);
    } else if (snapshot.index >= loaded.truncated.index && termFits(loaded, snapshot)) {
      chosen ??= snapshot;
    }
  }
  if (chosen === undefined && loaded.truncated.index > 0) {
    throw damaged(`no snapshot holds the entries up to ${loaded.truncated.index}`);
  }
  return chosen;
}

function termFits({ truncated, entries }: LoadedLog, { index, term }: StoredSnapshot): boolean {
  if (index === truncated.index) return term === truncated.term;
  return entries[index - truncated.index - 1]?.term === term;
}

// All that is in the log becomes the state of a new group with this member alone: applied at once,
// kept as a snapshot that names nobody else, and the log goes on after it. Entries whose commitment is
// not known here count too: the lost majority may have acknowledged them.
async function onlyMember(
  self: RaftMember,
  loaded: LoadedLog,
  snapshot: StoredSnapshot | undefined,
  { storage, snapshots, stateMachine, log }: BootDeps,
): Promise<Booted> {
  const commit = loaded.truncated.index + loaded.entries.length;
  if (commit === 0) {
    throw new ClusterError("FAILED_PRECONDITION", "there is no cluster state on this node to keep");
  }
  const from = snapshot?.index ?? 0;
  for (const { index, term, type, data } of loaded.entries) {
    if (index <= from || type !== "normal" || data.length === 0) continue;
    try {
      stateMachine.apply({ index, term, data });
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error; // else refused, as on every member
    }
  }
  const term = loaded.hardState.term + 1;
  const confState = { ...emptyConfState, voters: [self.raftId] };
  // Of the new term, so that it cannot be taken for one the old group had made.
  const info = { index: commit, term, confState, members: [self] };
  const stored = await snapshots.save(info, stateMachine.snapshot());
  const hardState = { term, vote: 0, commit };
  const truncated = { index: commit, term };
  await storage.write({ hardState, entries: [], restart: truncated, sync: true });
  log.warn({ index: commit, term }, "forced a new cluster with this manager alone");
  const mirror = new MemoryStorage({ hardState, truncated, entries: [] }, stored);
  return { mirror, snapshot: stored, commit };
}
