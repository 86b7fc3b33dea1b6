import type { ConfState, Entry, HardState, SnapshotMetadata } from "./types.ts";

/**
 * What is durable, read synchronously (so a mirror of the log in memory). The driver changes it
 * after a Ready's write is done and before it calls `advanceAppend`.
 */
export interface Storage {
  /** As of the start; `confState` is the one applied at the core's `applied` index. */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /**
   * Entries from `low` to before `high`, cut after `bytesMax` of data but at least one; undefined
   * when `low` was compacted. The range ends at or before lastIndex + 1.
   */
  entries(low: number, high: number, bytesMax: number): readonly Entry[] | undefined;
  /** The term of an entry, also of the one just before firstIndex; undefined when not held. */
  term(index: number): number | undefined;
  /** The first entry held; 1 in an empty log that was never compacted. */
  firstIndex(): number;
  /** firstIndex - 1 when no entry is held. */
  lastIndex(): number;
  /** The newest snapshot that can be sent; undefined when there is none now. */
  snapshot(): SnapshotMetadata | undefined;
}
