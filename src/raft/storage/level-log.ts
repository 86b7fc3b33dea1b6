import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { assert, must } from "../../base/assert.ts";
import { ClusterError, errorMessage } from "../../base/errors.ts";
import type { Entry, HardState } from "../core/types.ts";
import {
  damaged,
  decodeEntry,
  decodeHardState,
  decodeMeta,
  encodeEntry,
  encodeHardState,
  encodeMeta,
  entryKey,
  hardStateKey,
  indexOfKey,
  type LogMeta,
  metaKey,
} from "./codec.ts";
import { HighWaterMark } from "./high-water.ts";
import type { LoadedLog, LogWrite, RaftStorage } from "./raft-storage.ts";

type Operation =
  | { readonly type: "put"; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: "del"; readonly key: Buffer };

type Database = Level<Buffer, Buffer>;

const batchEntriesMax = 256;
const batchBytesMax = 1024 * 1024;
/** Deletions of compacted entries that ride on one batch; more would make its latency felt. */
const garbagePerBatchMax = 500;
const readChunk = 1_000;

/**
 * The raft log on LevelDB. Each entry's checksum covers the whole log before it, so that no record
 * can be missing or altered unnoticed; LevelDB itself drops damaged records and says nothing.
 */
export class LevelLog implements RaftStorage {
  readonly #db: Database;
  readonly #mark: HighWaterMark;
  #loaded: LoadedLog | undefined;
  #meta: LogMeta;
  #hardState: HardState;
  /** Checksums and terms of the entries kept, from meta.truncatedIndex + 1. */
  #chains: number[];
  #terms: number[];
  #sequence: number;
  /** Compacted entries still on disk: from here up to meta.truncatedIndex. */
  #garbageFrom: number;
  #busy = false;
  #failure: ClusterError | undefined;

  private constructor(db: Database, mark: HighWaterMark, contents: Contents) {
    this.#db = db;
    this.#mark = mark;
    this.#meta = contents.meta;
    this.#hardState = contents.hardState;
    this.#chains = contents.chains;
    this.#terms = contents.entries.map((entry) => entry.term);
    this.#sequence = contents.sequence;
    this.#garbageFrom = contents.meta.truncatedIndex + 1;
    this.#loaded = {
      hardState: contents.hardState,
      truncated: { index: contents.meta.truncatedIndex, term: contents.meta.truncatedTerm },
      entries: contents.entries,
    };
  }

  /** Opens or makes the log in `folder`. DATA_LOSS when acknowledged data is missing or altered. */
  static async open(folder: string): Promise<LevelLog> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const db: Database = new Level(join(folder, "log"), {
      keyEncoding: "buffer",
      valueEncoding: "buffer",
      writeBufferSize: 16 * 1024 * 1024,
    });
    try {
      await db.open();
    } catch (error) {
      throw openError(error, folder);
    }
    const markPath = join(folder, "high-water");
    try {
      const contents = await readContents(db, HighWaterMark.read(markPath));
      // Left over when a compaction was interrupted.
      await db.clear({ gte: entryKey(0), lte: entryKey(contents.meta.truncatedIndex) });
      return new LevelLog(db, await HighWaterMark.open(markPath), contents);
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  load(): LoadedLog {
    const loaded = must(this.#loaded, "the log's content, which is given once,");
    this.#loaded = undefined;
    return loaded;
  }

  async write(write: LogWrite): Promise<void> {
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
      await this.#commit(operations, write.sync || rest.length > 0);
    } while (rest.length > 0);
  }

  async compact(index: number): Promise<void> {
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
    // Synced: the deletions that follow may otherwise outlive it.
    await this.#commit([{ type: "put", key: metaKey, value: encodeMeta(this.#meta) }], true);
  }

  async close(): Promise<void> {
    this.#mark.close();
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
    const last = this.#lastIndex();
    for (let old = this.#garbageFrom; old <= last; old += 1) {
      operations.push({ type: "del", key: entryKey(old) });
    }
    this.#meta = { truncatedIndex: index, truncatedTerm: term, chain: 0 };
    this.#terms = [];
    this.#chains = [];
    this.#garbageFrom = index + 1;
    operations.push({ type: "put", key: metaKey, value: encodeMeta(this.#meta) });
  }

  #putEntries(entries: readonly Entry[], operations: Operation[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const keep = first.index - this.#meta.truncatedIndex - 1;
    assert(
      keep >= 0 && keep <= this.#terms.length,
      `entry ${first.index} does not continue the log, which ends at ${this.#lastIndex()}`,
    );
    const newLast = first.index + entries.length - 1;
    for (let old = newLast + 1; old <= this.#lastIndex(); old += 1) {
      operations.push({ type: "del", key: entryKey(old) });
    }
    this.#terms.length = keep;
    this.#chains.length = keep;
    let chain = this.#chains[keep - 1] ?? this.#meta.chain;
    for (const entry of entries) {
      assert(entry.index === this.#lastIndex() + 1, `entry ${entry.index} leaves a gap`);
      const encoded = encodeEntry(entry, chain);
      chain = encoded.chain;
      operations.push({ type: "put", key: entryKey(entry.index), value: encoded.value });
      this.#terms.push(entry.term);
      this.#chains.push(chain);
    }
  }

  async #commit(operations: Operation[], sync: boolean): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    assert(!this.#busy, "the raft log takes one write at a time");
    this.#busy = true;
    this.#sequence += 1;
    const state = encodeHardState(this.#hardState, this.#sequence);
    operations.push({ type: "put", key: hardStateKey, value: state });
    this.#dropGarbage(operations);
    try {
      await this.#db.batch(operations, { sync });
      if (sync) this.#mark.set(this.#sequence);
    } catch (error) {
      const text = `cannot write the raft log: ${errorMessage(error)}`;
      this.#failure = new ClusterError("INTERNAL", text, { cause: error });
      throw this.#failure;
    } finally {
      this.#busy = false;
    }
  }

  #dropGarbage(operations: Operation[]): void {
    const end = Math.min(this.#meta.truncatedIndex, this.#garbageFrom + garbagePerBatchMax - 1);
    for (; this.#garbageFrom <= end; this.#garbageFrom += 1) {
      operations.push({ type: "del", key: entryKey(this.#garbageFrom) });
    }
  }
}

interface Contents {
  readonly meta: LogMeta;
  readonly hardState: HardState;
  readonly sequence: number;
  readonly entries: Entry[];
  readonly chains: number[];
}

async function readContents(db: Database, highWater: number): Promise<Contents> {
  const stateValue = await db.get(hardStateKey);
  const metaValue = await db.get(metaKey);
  if (stateValue === undefined && (highWater > 0 || metaValue !== undefined)) {
    throw damaged("its hard state is missing");
  }
  const { hardState, sequence } =
    stateValue === undefined
      ? { hardState: { term: 0, vote: 0, commit: 0 }, sequence: 0 }
      : decodeHardState(stateValue);
  if (sequence < highWater) {
    throw damaged(`it ends at write ${sequence}, but write ${highWater} was acknowledged`);
  }
  const meta =
    metaValue === undefined
      ? { truncatedIndex: 0, truncatedTerm: 0, chain: 0 }
      : decodeMeta(metaValue);
  const entries: Entry[] = [];
  const chains: number[] = [];
  let chain = meta.chain;
  // Seeks to the first kept entry, so that deleted ones before it cost nothing.
  const range = { gte: entryKey(meta.truncatedIndex + 1), lte: lastEntryKey };
  const iterator = db.iterator(range);
  try {
    for (;;) {
      const chunk = await iterator.nextv(readChunk);
      if (chunk.length === 0) break;
      for (const [key, value] of chunk) {
        const expected = meta.truncatedIndex + entries.length + 1;
        const index = indexOfKey(key);
        if (index !== expected) throw damaged(`entry ${expected} is missing before entry ${index}`);
        const decoded = decodeEntry(index, value, chain);
        chain = decoded.chain;
        entries.push(decoded.entry);
        chains.push(chain);
      }
    }
  } finally {
    await iterator.close();
  }
  const last = meta.truncatedIndex + entries.length;
  if (hardState.commit > last) {
    throw damaged(`entries up to ${hardState.commit} were committed, but it ends at ${last}`);
  }
  return { meta, hardState, sequence, entries, chains };
}

const lastEntryKey = Buffer.concat([Buffer.from("e"), Buffer.alloc(8, 0xff)]);

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

function openError(error: unknown, folder: string): ClusterError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const text = errorMessage(cause);
  if (/lock/i.test(text)) {
    return new ClusterError(
      "FAILED_PRECONDITION",
      `the raft log in ${folder} is in use by another process; stop that one first`,
      { cause: error },
    );
  }
  if (/corruption/i.test(text)) return damaged(text.toLowerCase());
  return new ClusterError("INTERNAL", `cannot open the raft log in ${folder}: ${text}`, {
    cause: error,
  });
}
