import type { Entry, HardState } from "../core/types.ts";

/** A place in the log. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

/** What the disk holds when a node starts. */
export interface LoadedLog {
  readonly hardState: HardState;
  /** The entry before the first one kept; 0/0 when nothing was compacted. */
  readonly truncated: LogPosition;
  /** Contiguous, from `truncated.index + 1`. */
  readonly entries: readonly Entry[];
}

/** One atomic change of the log. */
export interface LogWrite {
  /** Absent = as it is. */
  readonly hardState?: HardState | undefined;
  /** Contiguous; they replace everything from the first one's index on. */
  readonly entries: readonly Entry[];
  /** A snapshot that was installed: what was there is dropped, the log goes on after it. */
  readonly restart?: LogPosition | undefined;
  /** Whether it must survive a power loss before the promise resolves; a storage may always do that. */
  readonly sync: boolean;
}

/**
 * The durable log. One writer: a call may start only after the one before has resolved (overlapping
 * writes would reorder). After a failed write all later ones fail too: what the disk
 * holds is then unknown, and the process must restart to find out.
 */
export interface RaftStorage {
  /** What was there at open. Given once; the memory is not kept. */
  load(): LoadedLog;
  /** Rejects when it may not have been written; the node must then stop. */
  write(write: LogWrite): Promise<void>;
  /** Drops entries up to and including `index`, which the caller has in a durable snapshot. */
  compact(index: number): Promise<void>;
  close(): Promise<void>;
}
