import { constants } from "node:fs";
import { type Random, randomInteger } from "../../src/base/random.ts";
import { catchUp } from "../../src/raft/storage/catch-up.ts";
import { batchKey, decodeHardState, hardStateKey } from "../../src/raft/storage/codec.ts";
import { LevelLog } from "../../src/raft/storage/level-log.ts";
import { type LogRecords, readLog } from "../../src/raft/storage/log-reader.ts";
import type { LoadedLog, LogWrite } from "../../src/raft/storage/raft-storage.ts";
import type { Seal } from "../../src/raft/storage/seal.ts";
import type { SegmentFiles } from "../../src/raft/storage/segment-files.ts";
import type { Operation } from "../../src/raft/storage/segment-record.ts";
import { WriteAhead, type WriteAheadDatabase } from "../../src/raft/storage/write-ahead.ts";

/** One write of a log. */
export type LogChange = LogWrite | { readonly compactTo: number };

/** What a crash leaves of the write under way. */
export type CrashOutcome = "nothing" | "all" | "torn";

const folder = "/log";
/** Small, so that they are used again and again, with older records behind the newest. */
const segmentBytes = 16 * 1024;
const sectorBytes = 512;
/** Few, so that a crash comes between two batches of what belongs together. */
const batchMax = 3;
/** A write that has not ended after so many steps waits for the database. */
const patienceSteps = 200;

/** The shipped log (`LevelLog` before `WriteAhead` before segments) on files in memory that a power loss tears. Takes no time of its own. */
export class SimSegments {
  readonly #random: Random;
  readonly #files: TornFiles;
  readonly #database = new MemoryDatabase();
  #log: Promise<LevelLog>;
  /** What the file beside the log says that was written at least. */
  #highWater = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#files = new TornFiles(random);
    this.#log = this.#open();
  }

  /** The database does what it was told some writes later, at the latest when the log waits for it. */
  async write(change: LogChange): Promise<void> {
    const log = await this.#log;
    let isDone = false;
    const done = (
      "compactTo" in change ? log.compact(change.compactTo) : log.write(change)
    ).finally(() => {
      isDone = true;
    });
    for (let step = 0; !isDone; step += 1) {
      if (this.#files.isTorn) return await new Promise<never>(() => {});
      if (step >= patienceSteps) this.#database.proceed();
      await Promise.resolve();
    }
    await done;
    if (this.#random.float() < 0.5) this.#database.proceed();
  }

  /** The process ends with the write under way, if there is one; gives what the next process finds. DATA_LOSS as of `LevelLog.open`. */
  async crash(change: LogChange | undefined, outcome: CrashOutcome): Promise<LoadedLog> {
    await this.#log;
    if (change !== undefined && outcome === "all") await this.write(change);
    if (change !== undefined && outcome === "torn") {
      await new Promise<void>((resolve, reject) => {
        this.#files.onTorn = resolve;
        // It never ends when it is torn, and need not write anything.
        this.write(change).then(resolve, reject);
      });
      this.#files.onTorn = undefined;
      this.#files.isTorn = false;
    }
    this.#database.powerLost(this.#random.float() < 0.5);
    this.#log = this.#open();
    return (await this.#log).load();
  }

  /** As `openLog` does, without what concerns older formats. */
  async #open(): Promise<LevelLog> {
    const database = this.#database;
    const state = await database.get(hardStateKey);
    const sequence = state === undefined ? 0 : decodeHardState(state, noSeal).sequence;
    const batches = this.#random.float() < 0.3 ? randomInteger(this.#random, 0, 3) : undefined;
    const recovering = database.recovering(batches);
    try {
      await catchUp(folder, recovering, sequence, this.#files, batchMax);
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
      return await this.#open();
    }
    const options = { highWater: this.#highWater, seal: noSeal, mayBePlain: false };
    const contents = await readLog(database, options);
    database.clearBefore(batchKey(contents.batches[0] ?? contents.meta.truncatedIndex + 1));
    const db = await WriteAhead.open(folder, database, {
      ...{ segmentBytes, batchMax },
      files: this.#files,
    });
    const set = (written: number): void => {
      // It is not synced: what a power loss leaves may be older.
      if (this.#random.float() < 0.9) this.#highWater = written;
    };
    return new LevelLog({ db, mark: { set, close: async () => {} }, contents }, noSeal);
  }
}

/** Ciphers have tests of their own. */
const noSeal: Seal = {
  seal: (plain) => asBuffer(plain),
  open: (sealed) => asBuffer(sealed),
  isCurrent: () => true,
};

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Segments whose writes are durable as they end; one that is torn never ends. */
class TornFiles implements SegmentFiles {
  /** While set, the next durable write is torn, and this told of it. */
  onTorn: (() => void) | undefined;
  /** Whether it was. */
  isTorn = false;
  readonly #files = new Map<string, Buffer>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async open(path: string, flags: number): ReturnType<SegmentFiles["open"]> {
    if ((flags & constants.O_TRUNC) !== 0) this.#files.set(path, Buffer.alloc(0));
    const isDurable = (flags & constants.O_DSYNC) === constants.O_DSYNC;
    return {
      write: async (bytes, position) => {
        const { onTorn } = this;
        if (!isDurable || onTorn === undefined) {
          this.#put(path, bytes, position);
          return 0; // milliseconds
        }
        this.#tear(path, bytes, position);
        this.isTorn = true;
        onTorn();
        return await new Promise<never>(() => {});
      },
      sync: async () => {},
      truncate: async (length) => {
        this.#files.set(path, Buffer.from(this.#bytesOf(path).subarray(0, length)));
      },
      close: async () => {},
    };
  }

  async read(path: string): Promise<Buffer | undefined> {
    return this.#files.get(path);
  }

  async syncFolder(): Promise<void> {}

  /** Sectors reach the disk whole and in any order; or all of them in order, up to some byte (as over a network, or of a file system that copies). */
  #tear(path: string, bytes: Buffer, position: number): void {
    if (this.#random.float() < 0.5) {
      this.#put(path, bytes.subarray(0, randomInteger(this.#random, 0, bytes.length)), position);
      return;
    }
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(bytes.length, from + sectorBytes - ((position + from) % sectorBytes));
      if (this.#random.float() < 0.5) this.#put(path, bytes.subarray(from, to), position + from);
      from = to;
    }
  }

  #put(path: string, bytes: Buffer, position: number): void {
    let file = this.#bytesOf(path);
    if (file.length < position + bytes.length) {
      file = Buffer.concat([file, Buffer.alloc(position + bytes.length - file.length)]);
      this.#files.set(path, file);
    }
    file.set(bytes, position);
  }

  #bytesOf(path: string): Buffer {
    return this.#files.get(path) ?? Buffer.alloc(0);
  }
}

/** The power went while the log was opened. */
class PowerLoss extends Error {}

/** Batches that are whole and durable, as of LevelDB with `sync`, each when it is told to proceed. */
class MemoryDatabase implements WriteAheadDatabase, LogRecords {
  readonly #records = new Map<string, Buffer>();
  #waiting: { readonly operations: readonly Operation[]; readonly resolve: () => void }[] = [];

  batch(operations: readonly Operation[]): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ operations, resolve });
    });
  }

  /** Does the oldest batch that waits. */
  proceed(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#put(next.operations);
    next.resolve();
  }

  /** What waits never ends; the oldest may have been done before. */
  powerLost(isOldestDone: boolean): void {
    const [oldest] = this.#waiting;
    this.#waiting = [];
    if (oldest !== undefined && isOldestDone) this.#put(oldest.operations);
  }

  /** Does at once what it is told, until the power goes after so many batches. */
  recovering(batchesLeft = Number.POSITIVE_INFINITY): Pick<WriteAheadDatabase, "batch"> {
    let left = batchesLeft;
    return {
      batch: async (operations) => {
        if (left === 0) throw new PowerLoss();
        left -= 1;
        this.#put(operations);
      },
    };
  }

  #put(operations: readonly Operation[]): void {
    for (const operation of operations) {
      const name = operation.key.toString("latin1");
      if (operation.type === "put") this.#records.set(name, Buffer.from(operation.value));
      else this.#records.delete(name);
    }
  }

  async close(): Promise<void> {}

  async get(key: Buffer): Promise<Buffer | undefined> {
    return this.#records.get(key.toString("latin1"));
  }

  keys(range: Parameters<LogRecords["keys"]>[0]): ReturnType<LogRecords["keys"]> {
    const found = this.#between(range).map(([key]) => key);
    if (range.reverse) found.reverse();
    return { all: async () => found.slice(0, range.limit) };
  }

  iterator(range: Parameters<LogRecords["iterator"]>[0]): ReturnType<LogRecords["iterator"]> {
    const rest = this.#between(range);
    return { nextv: async (size) => rest.splice(0, size), close: async () => {} };
  }

  clearBefore(key: Buffer): void {
    for (const [old] of this.#between({ gte: batchKey(0), lte: key })) {
      if (Buffer.compare(old, key) < 0) this.#records.delete(old.toString("latin1"));
    }
  }

  #between({ gte, lte }: { readonly gte: Buffer; readonly lte: Buffer }): [Buffer, Buffer][] {
    return [...this.#records]
      .map(([name, value]): [Buffer, Buffer] => [Buffer.from(name, "latin1"), value])
      .filter(([key]) => Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lte) <= 0)
      .sort(([a], [b]) => Buffer.compare(a, b));
  }
}
