import { assert, must } from "../../base/assert.ts";
import { ClusterError, errorMessage } from "../../base/errors.ts";
import type { Entry, HardState } from "../core/types.ts";
import {
  batchKey,
  encodeBatch,
  encodeHardState,
  encodeMeta,
  hardStateKey,
  type LogMeta,
  metaKey,
} from "./codec.ts";
import type { HighWaterMark } from "./high-water.ts";
import { openLog } from "./log-opener.ts";
import type { LogContents } from "./log-reader.ts";
import type { LoadedLog, LogWrite, RaftStorage } from "./raft-storage.ts";
import type { Seal } from "./seal.ts";
import type { Operation } from "./segment-record.ts";
import type { WriteAhead } from "./write-ahead.ts";

/** What a log writes to, and what was there. */
export interface LevelLogParts {
  readonly db: Pick<WriteAhead, "batch" | "close">;
  readonly mark: Pick<HighWaterMark, "set" | "close">;
  readonly contents: LogContents;
  /** As `LevelLog.isSealedAnew`, of a log that begins with this entry; never when absent. */
  readonly isSealedAnew?: (firstIndex: number) => Promise<boolean>;
}

const batchEntriesMax = 256;
const batchBytesMax = 1024 * 1024;
/** Deletions of compacted records that ride on one write; more would make its latency felt. */
const garbagePerWriteMax = 500;

/**
 * The raft log, sealed: the newest writes in segments, all else in LevelDB. The entries of a write are one record, or a few; a
 * record replaces everything from its first entry on. The checksum of each entry covers the whole log before it, and the hard state
 * says how the log ends: so nothing can be missing unnoticed. LevelDB itself drops damaged records and says nothing. Every write is
 * durable when it resolves, whether that was asked for or not.
 */
export class LevelLog implements RaftStorage {
  readonly #db: LevelLogParts["db"];
  readonly #mark: LevelLogParts["mark"];
  readonly #seal: Seal;
  readonly #isSealedAnew: LevelLogParts["isSealedAnew"];
  #loaded: LoadedLog | undefined;
  #meta: LogMeta;
  #hardState: HardState;
  /** Checksums and terms of the entries kept, from meta.truncatedIndex + 1. */
  #chains: number[];
  #terms: number[];
  /** Where the records on disk start, ascending; the first ones may be behind meta.truncatedIndex. */
  #batches: number[];
  #sequence: number;
  #busy = false;
  #failure: ClusterError | undefined;

  /** Over what is open already; `open` does both. */
  constructor({ db, mark, contents, isSealedAnew }: LevelLogParts, seal: Seal) {
    this.#isSealedAnew = isSealedAnew;
    this.#db = db;
    this.#mark = mark;
    this.#seal = seal;
    this.#meta = contents.meta;
    this.#hardState = contents.hardState;
    this.#chains = contents.chains;
    this.#terms = contents.entries.map((entry) => entry.term);
    this.#batches = contents.batches;
    this.#sequence = contents.sequence;
    this.#loaded = {
      hardState: contents.hardState,
      truncated: { index: contents.meta.truncatedIndex, term: contents.meta.truncatedTerm },
      entries: contents.entries,
    };
  }

  /**
   * Opens or makes the log in `folder`. What is there in the clear (format 1) or sealed with an older key is
   * sealed anew with the newest before this resolves. DATA_LOSS when acknowledged data is missing or altered;
   * FAILED_PRECONDITION when the log is in use, or of a later version.
   */
  static async open(folder: string, options: { readonly seal: Seal }): Promise<LevelLog> {
    return new LevelLog(await openLog(folder, options.seal), options.seal);
  }

  load(): LoadedLog {
    const loaded = must(this.#loaded, "the log's content, which is given once,");
    this.#loaded = undefined;
    return loaded;
  }

  async write(write: LogWrite): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (write.restart !== undefined) this.#checkRestart(write);
    let rest: readonly Entry[] = write.entries;
    let restart = write.restart;
    do {
      const entries = firstBatch(rest);
      rest = rest.slice(entries.length);
      const operations: Operation[] = [];
      if (restart !== undefined) this.#restartAt(restart.index, restart.term, operations);
      this.#putEntries(entries, operations);
      // A batch that is not the last must not promise entries that only the next ones bring.
      const hardState = write.hardState ?? this.#hardState;
      this.#hardState =
        rest.length === 0
          ? hardState
          : { ...hardState, commit: Math.min(hardState.commit, this.#lastIndex()) };
      restart = undefined;
      await this.#commit(operations, entries.length > 0);
    } while (rest.length > 0);
  }

  async compact(index: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const count = index - this.#meta.truncatedIndex;
    if (count <= 0) return;
    assert(count <= this.#terms.length, `cannot compact to ${index}: the log ends before`);
    this.#meta = {
      truncatedIndex: index,
      truncatedTerm: must(this.#terms[count - 1], "term"),
      chain: must(this.#chains[count - 1], "checksum"),
    };
    this.#terms = this.#terms.slice(count);
    this.#chains = this.#chains.slice(count);
    await this.#commit([this.#putMeta()]);
  }

  /**
   * Whether everything on the disk that an opening would read is sealed with the newest key, also after a crash. Reads the whole log; it may
   * be written meanwhile.
   */
  async isSealedAnew(): Promise<boolean> {
    return (await this.#isSealedAnew?.(this.#meta.truncatedIndex + 1)) ?? false;
  }

  async close(): Promise<void> {
    await this.#mark.close();
    await this.#db.close();
  }

  #lastIndex(): number {
    return this.#meta.truncatedIndex + this.#terms.length;
  }

  #checkRestart({ restart, entries, hardState }: LogWrite): void {
    const index = restart?.index ?? 0;
    assert(
      index >= this.#meta.truncatedIndex,
      `a log cannot restart at ${index}, behind its start`,
    );
    assert((hardState ?? this.#hardState).commit >= index, "a restart goes with its commit index");
    assert(
      entries[0] === undefined || entries[0].index === index + 1,
      "entries follow the restart",
    );
  }

  #restartAt(index: number, term: number, operations: Operation[]): void {
    for (const old of this.#batches) operations.push({ type: "del", key: batchKey(old) });
    this.#batches = [];
    this.#meta = { truncatedIndex: index, truncatedTerm: term, chain: 0 };
    this.#terms = [];
    this.#chains = [];
    operations.push(this.#putMeta());
  }

  #putMeta(): Operation {
    return { type: "put", key: metaKey, value: encodeMeta(this.#meta, this.#seal) };
  }

  #putEntries(entries: readonly Entry[], operations: Operation[]): void {
    const first = entries[0]?.index;
    if (first === undefined) return;
    const keep = first - this.#meta.truncatedIndex - 1;
    assert(
      keep >= 0 && keep <= this.#terms.length,
      `entry ${first} does not continue the log, which ends at ${this.#lastIndex()}`,
    );
    this.#terms.length = keep;
    this.#chains.length = keep;
    // One that starts before and reaches beyond stays: this record replaces its tail.
    while ((this.#batches.at(-1) ?? 0) >= first) {
      operations.push({ type: "del", key: batchKey(this.#batches.pop() ?? 0) });
    }
    const chain = this.#chains[keep - 1] ?? this.#meta.chain;
    for (const entry of entries) {
      assert(entry.index === this.#lastIndex() + 1, `entry ${entry.index} leaves a gap`);
      this.#terms.push(entry.term);
    }
    const { value, chains } = encodeBatch(entries, chain, this.#seal);
    for (const each of chains) this.#chains.push(each);
    this.#batches.push(first);
    operations.push({ type: "put", key: batchKey(first), value });
  }

  // A write of entries is vouched for by the next write, and the driver makes one, of the commit index, within a few ticks: a
  // mark for each would cost a sixth of the time.
  async #commit(operations: Operation[], hasEntries = false): Promise<void> {
    assert(!this.#busy, "the raft log takes one write at a time");
    this.#busy = true;
    this.#sequence += 1;
    const index = this.#lastIndex();
    const end = { index, chain: this.#chains.at(-1) ?? this.#meta.chain };
    const record = { hardState: this.#hardState, sequence: this.#sequence, end };
    const state = encodeHardState(record, this.#seal);
    this.#dropGarbage(operations);
    operations.push({ type: "put", key: hardStateKey, value: state });
    try {
      await this.#db.batch(operations, this.#sequence);
      if (!hasEntries) this.#mark.set(this.#sequence);
    } catch (error) {
      const text = `cannot write the raft log: ${errorMessage(error)}`;
      this.#failure = new ClusterError("INTERNAL", text, { cause: error });
      throw this.#failure;
    } finally {
      this.#busy = false;
    }
  }

  // A record is dispensable once the next one starts within what was compacted, or right behind it.
  #dropGarbage(operations: Operation[]): void {
    const needed = this.#meta.truncatedIndex + 1;
    let count = 0;
    while (count < garbagePerWriteMax && (this.#batches[count + 1] ?? needed + 1) <= needed) {
      operations.push({ type: "del", key: batchKey(this.#batches[count] ?? 0) });
      count += 1;
    }
    this.#batches.splice(0, count);
  }
}

function firstBatch(entries: readonly Entry[]): readonly Entry[] {
  let bytes = 0;
  let count = 0;
  for (const entry of entries) {
    bytes += entry.data.length;
    if (count > 0 && (count >= batchEntriesMax || bytes > batchBytesMax)) break;
    count += 1;
  }
  return entries.slice(0, count);
}
