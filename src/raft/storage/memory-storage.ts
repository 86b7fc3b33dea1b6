import { assert, must } from "../../base/assert.ts";
import type { Storage } from "../core/storage.ts";
import type { ConfState, Entry, HardState, SnapshotMetadata } from "../core/types.ts";
import { CompactMemory } from "./compact-memory.ts";
import type { LoadedLog, LogPosition } from "./raft-storage.ts";

/**
 * The durable log's mirror in memory, which the core reads synchronously. The whole uncompacted log
 * is here, so snapshots are triggered by its bytes too.
 */
export class MemoryStorage implements Storage {
  readonly #initial: { readonly hardState: HardState; readonly confState: ConfState };
  readonly #memory = new CompactMemory();
  #truncated: LogPosition;
  #entries: Entry[];
  #bytes: number;
  #snapshot: SnapshotMetadata | undefined;

  /** `snapshot` is the newest one; `applied` in the core's configuration must be its index. */
  constructor(loaded: LoadedLog, snapshot: SnapshotMetadata | undefined) {
    const confState = snapshot?.confState ?? emptyConfState;
    this.#initial = { hardState: loaded.hardState, confState };
    this.#truncated = loaded.truncated;
    this.#entries = loaded.entries.map((entry) => this.#kept(entry));
    this.#bytes = bytesOf(this.#entries);
    this.#snapshot = snapshot;
  }

  /** Data of all entries held. */
  get bytes(): number {
    return this.#bytes;
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return this.#initial;
  }

  entries(low: number, high: number, bytesMax: number): readonly Entry[] | undefined {
    if (low <= this.#truncated.index) return undefined;
    assert(high <= this.lastIndex() + 1, `the log ends at ${this.lastIndex()}, before ${high}`);
    const from = low - this.#truncated.index - 1;
    const to = high - this.#truncated.index - 1;
    let bytes = 0;
    let end = from;
    while (end < to) {
      bytes += this.#entries[end]?.data.length ?? 0;
      if (end > from && bytes > bytesMax) break;
      end += 1;
    }
    return this.#entries.slice(from, end);
  }

  term(index: number): number | undefined {
    if (index === this.#truncated.index) return this.#truncated.term;
    return this.#entries[index - this.#truncated.index - 1]?.term;
  }

  firstIndex(): number {
    return this.#truncated.index + 1;
  }

  lastIndex(): number {
    return this.#truncated.index + this.#entries.length;
  }

  snapshot(): SnapshotMetadata | undefined {
    return this.#snapshot;
  }

  /** Contiguous with the log; replaces everything from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const keep = first.index - this.#truncated.index - 1;
    assert(keep >= 0 && keep <= this.#entries.length, `entry ${first.index} leaves a gap`);
    if (keep < this.#entries.length) this.#bytes -= bytesOf(this.#entries.splice(keep));
    for (const entry of entries) this.#entries.push(this.#kept(entry));
    this.#bytes += bytesOf(entries);
  }

  #kept(entry: Entry): Entry {
    return { ...entry, data: this.#memory.copy(entry.data) };
  }

  /** An installed snapshot: the log goes on after it. */
  restart(snapshot: SnapshotMetadata): void {
    this.#truncated = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
    this.#bytes = 0;
    this.#snapshot = snapshot;
  }

  /** A snapshot made here, which may be sent from now on. */
  offer(snapshot: SnapshotMetadata): void {
    if (snapshot.index > (this.#snapshot?.index ?? 0)) this.#snapshot = snapshot;
  }

  /** Where to cut the log so that before `index` no more than that many entries and bytes stay. */
  compactionBefore(index: number, keepEntries: number, keepBytes: number): number {
    let cut = index;
    let bytes = 0;
    while (cut > this.#truncated.index && index - cut < keepEntries) {
      bytes += this.#entries[cut - this.#truncated.index - 1]?.data.length ?? 0;
      if (bytes > keepBytes) break;
      cut -= 1;
    }
    return cut;
  }

  /** Drops entries up to and including `index`. */
  compact(index: number): void {
    if (index <= this.#truncated.index) return;
    const term = must(this.term(index), `term of entry ${index}`);
    this.#bytes -= bytesOf(this.#entries.splice(0, index - this.#truncated.index));
    this.#truncated = { index, term };
  }
}

/** Nobody: what a node knows before it is told of any member. */
export const emptyConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}
