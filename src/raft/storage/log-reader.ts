import type { Level } from "level";
import type { Entry, HardState } from "../core/types.ts";
import {
  batchKey,
  damaged,
  decodeBatch,
  decodeHardState,
  decodeMeta,
  hardStateKey,
  indexOfKey,
  isCurrent,
  isPlain,
  type LogMeta,
  metaKey,
  type StateRecord,
} from "./codec.ts";
import {
  decodePlainEntry,
  decodePlainHardState,
  decodePlainMeta,
  plainEntryKey,
} from "./codec-v1.ts";
import type { Seal } from "./seal.ts";

/** The database of a log. */
export type LogDatabase = Level<Buffer, Buffer>;

/** What reading asks of a log's database; keys and records come in their order. */
export interface LogRecords {
  get(key: Buffer): Promise<Buffer | undefined>;
  keys(range: {
    readonly gte: Buffer;
    readonly lte: Buffer;
    readonly reverse: boolean;
    readonly limit: number;
  }): { all(): Promise<Buffer[]> };
  iterator(range: { readonly gte: Buffer; readonly lte: Buffer }): {
    /** At most `size` of the next ones; none at the end. */
    nextv(size: number): Promise<[Buffer, Buffer][]>;
    close(): Promise<void>;
  };
}

/** What a log's database holds. */
export interface LogContents {
  readonly meta: LogMeta;
  readonly hardState: HardState;
  /** Number of the last write. */
  readonly sequence: number;
  readonly entries: Entry[];
  /** Checksums of the log up to each entry. */
  readonly chains: number[];
  /** Indexes in the keys of the batches, ascending. */
  readonly batches: number[];
  /** Some records are in the clear, or sealed with a key that is not the newest. */
  readonly isOld: boolean;
}

const readChunk = 1_000;
const start: LogMeta = { truncatedIndex: 0, truncatedTerm: 0, chain: 0 };

/**
 * Reads all of it, and checks that it is what was written: each record is sealed, each follows on the
 * one before, and the log ends where the last write left it. DATA_LOSS when something is missing or altered.
 */
export async function readLog(
  db: LogRecords,
  options: { readonly highWater: number; readonly seal: Seal; readonly mayBePlain: boolean },
): Promise<LogContents> {
  const { highWater, seal } = options;
  const stateValue = await db.get(hardStateKey);
  const metaValue = await db.get(metaKey);
  if (stateValue === undefined && (highWater > 0 || metaValue !== undefined)) {
    throw damaged("its hard state is missing");
  }
  const state: StateRecord =
    stateValue === undefined
      ? { hardState: { term: 0, vote: 0, commit: 0 }, sequence: 0 }
      : readState(stateValue, options);
  if (state.sequence < highWater) {
    throw damaged(`it ends at write ${state.sequence}, but write ${highWater} was acknowledged`);
  }
  const meta = metaValue === undefined ? start : readMeta(metaValue, options);
  const reading = new Reading(meta);
  let isOld = [stateValue, metaValue].some(
    (value) => value !== undefined && !isCurrent(value, seal),
  );
  // Seeks to the first record kept, so that deleted ones before it cost nothing.
  const firstKey = await firstBatchKey(db, meta.truncatedIndex + 1);
  for await (const [key, value] of records(db, firstKey, lastBatchKey)) {
    reading.batch(indexOfKey(key), decodeBatch(indexOfKey(key), value, seal));
    isOld ||= !isCurrent(value, seal);
  }
  if (options.mayBePlain) {
    for await (const [key, value] of records(db, plainEntryKey(reading.next), lastPlainKey)) {
      reading.plainEntry(indexOfKey(key), value);
      isOld = true;
    }
  }
  const { entries, chains, batches } = reading;
  checkEnd(state, reading);
  return { meta, ...state, entries, chains, batches, isOld };
}

/** Puts records together. */
class Reading {
  readonly #meta: LogMeta;
  readonly entries: Entry[] = [];
  readonly chains: number[] = [];
  readonly batches: number[] = [];

  constructor(meta: LogMeta) {
    this.#meta = meta;
  }

  /** Index of the entry that must come next. */
  get next(): number {
    return this.#meta.truncatedIndex + this.entries.length + 1;
  }

  get lastChain(): number {
    return this.chains.at(-1) ?? this.#meta.chain;
  }

  /** What it holds replaces everything from its first entry on; what is before the log's start is left out. */
  batch(first: number, read: { entries: Entry[]; chain: number; chains: number[] }): void {
    const { truncatedIndex, chain } = this.#meta;
    if (first > this.next) throw damaged(`entry ${this.next} is missing before entry ${first}`);
    const behind = truncatedIndex + 1 - first;
    if (behind > 0) {
      const before = read.chains[behind - 1];
      if (before === undefined) return; // all of it is behind: garbage
      if (before !== chain) throw damaged(`entry ${truncatedIndex} is not the log's start`);
    } else {
      const keep = first - truncatedIndex - 1;
      if (read.chain !== (this.chains[keep - 1] ?? chain)) {
        throw damaged(`entry ${first} does not follow on the one before`);
      }
      this.entries.length = keep;
      this.chains.length = keep;
    }
    const skip = Math.max(0, behind);
    for (const entry of read.entries.slice(skip)) this.entries.push(entry);
    for (const value of read.chains.slice(skip)) this.chains.push(value);
    this.batches.push(first);
  }

  plainEntry(index: number, value: Buffer): void {
    if (index !== this.next) throw damaged(`entry ${this.next} is missing before entry ${index}`);
    const { entry, chain } = decodePlainEntry(index, value, this.lastChain);
    this.entries.push(entry);
    this.chains.push(chain);
  }
}

function checkEnd({ hardState, end }: StateRecord, reading: Reading): void {
  const last = reading.next - 1;
  if (hardState.commit > last) {
    throw damaged(`entries up to ${hardState.commit} were committed, but it ends at ${last}`);
  }
  if (end === undefined) return;
  if (end.index !== last || end.chain !== reading.lastChain) {
    throw damaged(`it was written up to entry ${end.index}, but what is there ends at ${last}`);
  }
}

function readState(
  value: Buffer,
  { seal, mayBePlain }: { readonly seal: Seal; readonly mayBePlain: boolean },
): StateRecord {
  return mayBePlain && isPlain(value) ? decodePlainHardState(value) : decodeHardState(value, seal);
}

function readMeta(
  value: Buffer,
  { seal, mayBePlain }: { readonly seal: Seal; readonly mayBePlain: boolean },
): LogMeta {
  return mayBePlain && isPlain(value) ? decodePlainMeta(value) : decodeMeta(value, seal);
}

/** The key of the batch that holds the entry, or of the first after it. */
export async function firstBatchKey(db: LogRecords, index: number): Promise<Buffer> {
  const range = { gte: batchKey(0), lte: batchKey(index), reverse: true, limit: 1 };
  const [key] = await db.keys(range).all();
  return key ?? batchKey(index);
}

/** Keys and values of a range, a chunk at a time. */
export async function* records(
  db: LogRecords,
  from: Buffer,
  to: Buffer,
): AsyncGenerator<[Buffer, Buffer], void, void> {
  const iterator = db.iterator({ gte: from, lte: to });
  try {
    for (;;) {
      const chunk = await iterator.nextv(readChunk);
      if (chunk.length === 0) return;
      yield* chunk;
    }
  } finally {
    await iterator.close();
  }
}

/** After the keys of all batches. */
export const lastBatchKey: Buffer = Buffer.concat([Buffer.from("b"), Buffer.alloc(8, 0xff)]);
/** After the keys of all entries of format 1. */
export const lastPlainKey: Buffer = Buffer.concat([Buffer.from("e"), Buffer.alloc(8, 0xff)]);
