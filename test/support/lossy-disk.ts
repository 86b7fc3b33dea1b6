import { constants } from "node:fs";
import { type Random, randomInteger } from "../../src/base/random.ts";
import type { SegmentFiles } from "../../src/raft/storage/segment-files.ts";
import type { Operation } from "../../src/raft/storage/segment-record.ts";
import type { WriteAheadDatabase } from "../../src/raft/storage/write-ahead.ts";

const sectorBytes = 512;

interface StoredFile {
  written: Buffer;
  /** What a power loss leaves. */
  durable: Buffer;
}

/** A disk with segments and a database that keeps, over a power loss, only what was made durable. */
export class LossyDisk {
  readonly files: SegmentFiles = {
    open: async (path, flags) => {
      const file = this.#files.get(path) ?? { written: empty, durable: empty };
      this.#files.set(path, file);
      if ((flags & constants.O_TRUNC) !== 0) file.written = empty;
      const isDurable = (flags & constants.O_DSYNC) === constants.O_DSYNC;
      return {
        write: (bytes, position) => this.#write(file, bytes, position, isDurable),
        sync: async () => {
          file.durable = Buffer.from(file.written);
        },
        truncate: async (length) => {
          file.written = Buffer.from(file.written.subarray(0, length));
        },
        close: async () => {},
      };
    },
    read: async (path) => this.#files.get(path)?.written,
    syncFolder: async () => {},
  };
  readonly #files = new Map<string, StoredFile>();
  readonly #random: Random;
  #database = new Map<string, Buffer>();
  #durableDatabase = new Map<string, Buffer>();
  /** The power fails: what begins now never ends. */
  isFailing = false;
  /** After so many more batches of the database it does. */
  batchesLeft = Number.POSITIVE_INFINITY;
  /** Batches that the database took. */
  batches = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** What the database holds, by key. */
  get database(): ReadonlyMap<string, Buffer> {
    return this.#database;
  }

  openDatabase(): WriteAheadDatabase {
    return {
      batch: async (operations, { sync }) => {
        this.batches += 1;
        if (this.batchesLeft === 0) this.isFailing = true;
        this.batchesLeft -= 1;
        if (this.isFailing) {
          if (this.#random.float() < 0.5) change(this.#durableDatabase, operations);
          return await never();
        }
        change(this.#database, operations);
        if (sync) this.#durableDatabase = new Map(this.#database);
      },
      close: async () => {},
    };
  }

  /** Flips a bit of a file, as a bad disk does. */
  flip(path: string, at: number): void {
    const file = this.#files.get(path);
    if (file !== undefined) file.written[at] = (file.written[at] ?? 0) ^ 0x10;
  }

  powerLost(): void {
    this.isFailing = false;
    this.batchesLeft = Number.POSITIVE_INFINITY;
    this.#database = new Map(this.#durableDatabase);
    for (const file of this.#files.values()) file.written = Buffer.from(file.durable);
  }

  async #write(file: StoredFile, bytes: Buffer, at: number, isDurable: boolean): Promise<number> {
    if (this.isFailing) {
      // Sectors reach the disk whole, and in any order.
      for (let from = 0; from < bytes.length; ) {
        const to = Math.min(bytes.length, from + sectorBytes - ((at + from) % sectorBytes));
        const isThere = randomInteger(this.#random, 0, 1) === 1;
        if (isThere) file.durable = patched(file.durable, bytes.subarray(from, to), at + from);
        from = to;
      }
      return await never();
    }
    file.written = patched(file.written, bytes, at);
    if (isDurable) file.durable = patched(file.durable, bytes, at);
    return 0; // milliseconds
  }
}

const empty = Buffer.alloc(0);

function patched(old: Buffer, bytes: Buffer, at: number): Buffer {
  const result = Buffer.alloc(Math.max(old.length, at + bytes.length));
  result.set(old);
  result.set(bytes, at);
  return result;
}

/** Puts and deletes on a map, as a database does them. */
export function change(map: Map<string, Buffer>, operations: readonly Operation[]): void {
  for (const operation of operations) {
    const name = operation.key.toString("latin1");
    if (operation.type === "put") map.set(name, Buffer.from(operation.value));
    else map.delete(name);
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}
