import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "./crc32c.ts";

// Formats: LevelDB's doc/table_format.md, doc/log_format.md and db/version_edit.cc.

const footerBytes = 48;
const trailerBytes = 5; // of a block: type u8, masked checksum u32
const magic = 0xdb4775248b80fb57n;
const logBlockBytes = 32_768;
const logHeaderBytes = 7;

/** Where a block of a table is. */
interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/**
 * Looks for a table file whose checksums are wrong, and says which; undefined when all that the database needs are good. LevelDB does not
 * look at them when it reads, and where a damaged block makes no sense it ends the process (assertions of its native code). Only tables
 * that the database's manifest names count: a crash leaves half of others. What is missing or damaged beside tables LevelDB says itself.
 */
export async function findDamagedTable(folder: string): Promise<string | undefined> {
  const needed = await tablesInUse(folder);
  if (needed === undefined) return undefined;
  for (const name of await readdir(folder)) {
    const number = /^(\d+)\.(ldb|sst)$/.exec(name)?.[1];
    if (number === undefined || !needed.has(Number(number))) continue;
    const problem = await problemOf(join(folder, name));
    if (problem !== undefined) return `${join(folder, name)}: ${problem}`;
  }
  return undefined;
}

async function problemOf(path: string): Promise<string | undefined> {
  try {
    checkTable(await readFile(path));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Throws an Error that says what is wrong with a table's bytes. Blocks behind a compressed index are not looked at: we write none. */
export function checkTable(file: Buffer): void {
  if (file.length < footerBytes) throw new Error("it is cut off");
  const footer = file.subarray(file.length - footerBytes);
  if (footer.readBigUInt64LE(footerBytes - 8) !== magic) throw new Error("its end is damaged");
  const reader = new Reader(footer);
  const handles = [reader.handle(), reader.handle()]; // of the filters' index, and of the data's
  for (const handle of handles) {
    const block = blockAt(file, handle);
    if (block !== undefined) for (const inner of handlesIn(block)) blockAt(file, inner);
  }
}

/** A block's content once its checksum is known to be right; undefined when it is compressed. */
function blockAt(file: Buffer, { offset, size }: BlockHandle): Buffer | undefined {
  const end = offset + size + trailerBytes;
  if (end > file.length - footerBytes) throw new Error("a block of it lies beyond its end");
  const crc = crc32c(file.subarray(offset, offset + size + 1));
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  if (file.readUInt32LE(end - 4) !== masked) throw new Error(`its block at ${offset} is damaged`);
  return file[offset + size] === 0 ? file.subarray(offset, offset + size) : undefined;
}

/** What the entries of an index lead to. */
function* handlesIn(block: Buffer): Generator<BlockHandle, void, void> {
  const restarts = block.readUInt32LE(block.length - 4);
  const reader = new Reader(block.subarray(0, block.length - 4 * (restarts + 1)));
  while (!reader.isAtEnd) {
    reader.varint(); // shared with the key before
    const keyBytes = reader.varint();
    const valueBytes = reader.varint();
    reader.skip(keyBytes);
    yield new Reader(reader.bytes(valueBytes)).handle();
  }
}

/** Numbers of the tables that the present manifest names; undefined when it cannot be read, which LevelDB will say. */
async function tablesInUse(folder: string): Promise<ReadonlySet<number> | undefined> {
  try {
    const current = (await readFile(join(folder, "CURRENT"), "utf8")).trim();
    if (!/^MANIFEST-\d+$/.test(current)) return undefined;
    const tables = new Set<number>();
    for (const record of recordsOf(await readFile(join(folder, current)))) {
      applyEdit(record, tables);
    }
    return tables;
  } catch {
    return undefined;
  }
}

function* recordsOf(log: Buffer): Generator<Buffer, void, void> {
  let parts: Buffer[] = [];
  for (let at = 0; at + logHeaderBytes <= log.length; ) {
    const left = logBlockBytes - (at % logBlockBytes);
    if (left < logHeaderBytes) {
      at += left;
      continue;
    }
    const length = log.readUInt16LE(at + 4);
    const type = log[at + 6]; // 1 whole, 2 first, 3 middle, 4 last part
    at += logHeaderBytes + length;
    if (at > log.length) return; // torn
    parts.push(log.subarray(at - length, at));
    if (type !== 1 && type !== 4) continue;
    yield Buffer.concat(parts);
    parts = [];
  }
}

// Tags of db/version_edit.cc.
function applyEdit(record: Buffer, tables: Set<number>): void {
  const reader = new Reader(record);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    if (tag === 1)
      reader.skip(reader.varint()); // comparator
    else if (tag === 5) {
      reader.varint(); // where compaction of a level goes on
      reader.skip(reader.varint());
    } else if (tag === 6) {
      reader.varint();
      tables.delete(reader.varint());
    } else if (tag === 7) {
      reader.varint();
      tables.add(reader.varint());
      reader.varint();
      reader.skip(reader.varint());
      reader.skip(reader.varint());
    } else reader.varint(); // numbers of logs, files and writes
  }
}

/** Reads LevelDB's numbers one after another; throws at the end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined || factor > 2 ** 63) throw new Error("a number in it is cut off");
      this.#at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  handle(): BlockHandle {
    return { offset: this.varint(), size: this.varint() };
  }

  bytes(count: number): Buffer {
    this.skip(count);
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new Error("a part of it is cut off");
  }
}
