import { assert, must } from "../../../base/assert.ts";
import type { Storage } from "../storage.ts";
import type { Entry, SnapshotMetadata } from "../types.ts";
import { Unstable } from "./unstable.ts";

/** A place in a log; term 0 = not known. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

/** The log: what is durable (Storage) and its end that may not be yet (Unstable). */
export class RaftLog {
  readonly unstable: Unstable;
  readonly #storage: Storage;
  readonly #applyingBytesMax: number;
  /** Known to be held by a quorum. */
  #committed: number;
  /** Handed out to be applied. */
  #applying: number;
  #applied: number;
  /** What was handed out and is not applied. */
  #applyingBatches: { readonly lastIndex: number; readonly bytes: number }[] = [];
  #applyingBytes = 0;

  constructor(storage: Storage, start: { committed: number; applied: number }, bytesMax: number) {
    this.#storage = storage;
    this.#applyingBytesMax = bytesMax;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    const truncated = storage.firstIndex() - 1;
    this.#applied = Math.max(start.applied, truncated);
    this.#applying = this.#applied;
    // What was applied is committed, though the hard state that says so may not be durable yet.
    this.#committed = Math.max(start.committed, this.#applied);
    assert(this.#committed <= this.lastIndex(), "the log ends before what was committed");
  }

  get committed(): number {
    return this.#committed;
  }

  get applied(): number {
    return this.#applied;
  }

  get applying(): number {
    return this.#applying;
  }

  firstIndex(): number {
    const { snapshot } = this.unstable;
    return snapshot === undefined ? this.#storage.firstIndex() : snapshot.index + 1;
  }

  lastIndex(): number {
    return this.unstable.lastIndex() ?? this.unstable.offset - 1;
  }

  lastTerm(): number {
    return must(this.term(this.lastIndex()), "the last entry's term");
  }

  /** The last entry that is durable; those above may be lost in a crash. */
  durableIndex(): number {
    return this.unstable.snapshot === undefined ? this.unstable.offset - 1 : 0;
  }

  /** Undefined when the entry was compacted or does not exist. */
  term(index: number): number | undefined {
    if (index < this.firstIndex() - 1 || index > this.lastIndex()) return undefined;
    return this.unstable.term(index) ?? this.#storage.term(index);
  }

  matchTerm(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** From `low` to before `high`, cut after `bytesMax` but at least one; undefined = compacted. */
  slice(low: number, high: number, bytesMax: number): readonly Entry[] | undefined {
    if (low >= high) return [];
    if (low < this.firstIndex()) return undefined;
    const { offset } = this.unstable;
    if (low >= offset) return limitBytes(this.unstable.slice(low, high), bytesMax);
    const durableEnd = Math.min(high, offset);
    const durable = this.#storage.entries(low, durableEnd, bytesMax);
    // Cut short by bytesMax, or nothing more was asked for.
    if (durable === undefined || durable.length < durableEnd - low || high <= offset)
      return durable;
    return limitBytes([...durable, ...this.unstable.slice(offset, high)], bytesMax);
  }

  /** Whether a log that ends there is at least as good as this one (Raft §5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    const own = this.lastTerm();
    return term > own || (term === own && index >= this.lastIndex());
  }

  /** Adds a leader's own entries. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index > this.#committed, `entry ${first.index} is committed and cannot change`);
    this.unstable.append(entries);
  }

  /**
   * Takes entries that follow `previous` from a leader; only what conflicts is replaced (Raft §5.3:
   * an old, shorter append must not cut the log). False when `previous` is not in this log.
   */
  maybeAppend(previous: LogPosition, entries: readonly Entry[]): boolean {
    if (!this.matchTerm(previous.index, previous.term)) return false;
    const at = entries.findIndex((entry) => !this.matchTerm(entry.index, entry.term));
    if (at >= 0) this.append(entries.slice(at));
    return true;
  }

  /**
   * The last place at or before `index` whose term is at most `term`: no later one can be shared
   * with a log that has `term` at `index`. Term 0 when that was compacted.
   */
  findConflictByTerm(index: number, term: number): LogPosition {
    for (let at = index; at > 0; at -= 1) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: 0 };
      if (own <= term) return { index: at, term: own };
    }
    return { index: 0, term: 0 };
  }

  /** Commit never goes back. */
  commitTo(index: number): void {
    if (index <= this.#committed) return;
    assert(index <= this.lastIndex(), `cannot commit ${index}: the log ends before`);
    this.#committed = index;
  }

  /** Commits `index` if its entry is of `term` (Raft §5.4.2); whether that was news. */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.#committed || term === 0 || !this.matchTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  /** Whether `handOutCommitted` would give anything. */
  hasCommitted(): boolean {
    return this.#applicableEnd() > this.#applying && this.#applyingBytes < this.#applyingBytesMax;
  }

  /** Entries to apply next; all are durable here, and each is handed out once. */
  handOutCommitted(): readonly Entry[] {
    if (!this.hasCommitted()) return [];
    const room = this.#applyingBytesMax - this.#applyingBytes;
    const slice = this.slice(this.#applying + 1, this.#applicableEnd() + 1, room);
    const entries = must(slice, "the committed entries, which were compacted too early,");
    const lastIndex = must(entries.at(-1), "a committed entry").index;
    const bytes = dataBytes(entries);
    this.#applying = lastIndex;
    this.#applyingBytes += bytes;
    this.#applyingBatches.push({ lastIndex, bytes });
    return entries;
  }

  /** The state machine holds everything up to `index`. */
  appliedTo(index: number): void {
    if (index <= this.#applied) return;
    assert(index <= this.#applying, `${index} was applied but not handed out`);
    this.#applied = index;
    while ((this.#applyingBatches[0]?.lastIndex ?? Number.POSITIVE_INFINITY) <= index) {
      this.#applyingBytes -= this.#applyingBatches.shift()?.bytes ?? 0;
    }
  }

  /** Replaces everything by a snapshot. */
  restore(snapshot: SnapshotMetadata): void {
    assert(snapshot.index > this.#committed, "a snapshot must not take the log back");
    this.unstable.restore(snapshot);
    this.#committed = snapshot.index;
    this.#applying = snapshot.index;
    this.#applyingBatches = [];
    this.#applyingBytes = 0;
  }

  /** Whether a committed entry that is not applied changes the configuration. */
  hasUnappliedConfChange(): boolean {
    for (let low = this.#applied + 1; low <= this.#committed; ) {
      const entries = this.slice(low, this.#committed + 1, scanBytes);
      if (entries === undefined || entries.length === 0) return true; // a snapshot is to be applied
      if (entries.some((entry) => entry.type === "conf-change")) return true;
      low += entries.length;
    }
    return false;
  }

  snapshot(): SnapshotMetadata | undefined {
    return this.unstable.snapshot ?? this.#storage.snapshot();
  }

  #applicableEnd(): number {
    return Math.min(this.#committed, this.durableIndex());
  }
}

const scanBytes = 4 * 1024 * 1024;

/** The data of `entries` together. */
export function dataBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}

/** As many of `entries` as fit, at least one. */
export function limitBytes(entries: readonly Entry[], bytesMax: number): readonly Entry[] {
  let bytes = 0;
  for (let count = 0; count < entries.length; count += 1) {
    bytes += entries[count]?.data.length ?? 0;
    if (count > 0 && bytes > bytesMax) return entries.slice(0, count);
  }
  return entries;
}
