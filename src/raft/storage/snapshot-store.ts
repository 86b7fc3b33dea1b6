import type { ConfState } from "../core/types.ts";

/** Who a member of the group is. */
export interface RaftMember {
  readonly raftId: number;
  readonly nodeId: string;
  /** "host:port" of its gRPC server. */
  readonly address: string;
}

/** What a snapshot is of. */
export interface SnapshotInfo {
  /** The last entry whose effect it contains. */
  readonly index: number;
  readonly term: number;
  /** The configuration applied at `index`. */
  readonly confState: ConfState;
  /** The members named in `confState`. */
  readonly members: readonly RaftMember[];
}

export interface StoredSnapshot extends SnapshotInfo {
  /** Of the state machine's bytes. */
  readonly sizeBytes: number;
}

/** Durable snapshots of the state machine. */
export interface SnapshotStore {
  /** Resolves once a power loss cannot take it away; an error or a crash before leaves nothing. */
  save(info: SnapshotInfo, chunks: AsyncIterable<Uint8Array>): Promise<StoredSnapshot>;
  /** Newest first; only complete ones. */
  list(): Promise<readonly StoredSnapshot[]>;
  /** The bytes given to `save`. DATA_LOSS when they are damaged, NOT_FOUND when it was removed. */
  read(snapshot: StoredSnapshot): AsyncIterable<Uint8Array>;
  /** Forgets all but the newest `keep` at or below `index`; those above are kept. */
  prune(index: number, keep: number): Promise<void>;
  /** Forgets one. */
  remove(snapshot: StoredSnapshot): Promise<void>;
}
