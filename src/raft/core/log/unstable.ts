import { assert } from "../../../base/assert.ts";
import type { Entry, SnapshotMetadata } from "../types.ts";

/** A write under way; `lastIndex` sinks when what it writes is replaced meanwhile. */
interface PendingWrite {
  readonly sequence: number;
  lastIndex: number;
  readonly snapshotIndex: number;
}

/**
 * The end of the log that is not known to be durable. Each write under way is remembered, and
 * shrinks when a later leader's entries replace its own: so the acknowledgement of an old write
 * never counts for other entries at the same indexes, be their terms equal again or not (ABA).
 */
export class Unstable {
  /** The index of the first entry held here, or where the next one goes. */
  #offset: number;
  #entries: Entry[] = [];
  /** Below this all was handed out for writing. */
  #handedOut: number;
  #snapshot: SnapshotMetadata | undefined;
  #snapshotHandedOut = false;
  #writes: PendingWrite[] = [];

  constructor(offset: number) {
    this.#offset = offset;
    this.#handedOut = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Received and not durable yet. */
  get snapshot(): SnapshotMetadata | undefined {
    return this.#snapshot;
  }

  /** Undefined when the storage has to tell. */
  lastIndex(): number | undefined {
    if (this.#entries.length > 0) return this.#offset + this.#entries.length - 1;
    return this.#snapshot?.index;
  }

  /** Undefined when the storage has to tell. */
  term(index: number): number | undefined {
    if (index >= this.#offset) return this.#entries[index - this.#offset]?.term;
    return this.#snapshot?.index === index ? this.#snapshot.term : undefined;
  }

  /** From `low` to before `high`, which must be here. */
  slice(low: number, high: number): readonly Entry[] {
    return this.#entries.slice(low - this.#offset, high - this.#offset);
  }

  /** What was not handed out yet. */
  hasWork(): boolean {
    return (
      this.#handedOut < this.#offset + this.#entries.length ||
      (this.#snapshot !== undefined && !this.#snapshotHandedOut)
    );
  }

  /** Gives what has to be written now, and remembers it under `sequence`. */
  handOut(sequence: number): {
    readonly entries: readonly Entry[];
    readonly snapshot: SnapshotMetadata | undefined;
  } {
    const snapshot = this.#snapshotHandedOut ? undefined : this.#snapshot;
    const entries = this.#entries.slice(this.#handedOut - this.#offset);
    this.#snapshotHandedOut = this.#snapshot !== undefined;
    this.#handedOut = this.#offset + this.#entries.length;
    if (entries.length > 0 || snapshot !== undefined) {
      const lastIndex = entries.length > 0 ? this.#handedOut - 1 : 0;
      this.#writes.push({ sequence, lastIndex, snapshotIndex: snapshot?.index ?? 0 });
    }
    return { entries, snapshot };
  }

  /** The writes up to `sequence` are durable. */
  acknowledge(sequence: number): void {
    for (;;) {
      const write = this.#writes[0];
      if (write === undefined || write.sequence > sequence) return;
      this.#writes.shift();
      if (write.snapshotIndex > 0 && write.snapshotIndex === this.#snapshot?.index) {
        this.#snapshot = undefined;
        this.#snapshotHandedOut = false;
      }
      if (write.lastIndex >= this.#offset) {
        this.#entries.splice(0, write.lastIndex + 1 - this.#offset);
        this.#offset = write.lastIndex + 1;
      }
    }
  }

  /** Adds entries and drops what they replace. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const end = this.#offset + this.#entries.length;
    assert(first.index <= end, `entry ${first.index} leaves a gap after ${end - 1}`);
    if (first.index < end || first.index < this.#handedOut) this.#replaceFrom(first.index);
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Starts over after a snapshot. */
  restore(snapshot: SnapshotMetadata): void {
    this.#replaceFrom(0);
    this.#offset = snapshot.index + 1;
    this.#handedOut = this.#offset;
    this.#entries = [];
    this.#snapshot = snapshot;
    this.#snapshotHandedOut = false;
  }

  #replaceFrom(index: number): void {
    if (index <= this.#offset) {
      this.#offset = index;
      this.#entries = [];
    } else {
      this.#entries.length = index - this.#offset;
    }
    this.#handedOut = Math.min(this.#handedOut, index);
    for (const write of this.#writes) write.lastIndex = Math.min(write.lastIndex, index - 1);
  }
}
