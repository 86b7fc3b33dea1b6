import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { ClusterError } from "../../base/errors.ts";
import { sealOverheadBytes } from "./data-keys.ts";
import type { Seal } from "./seal.ts";
import { WriteBack } from "./write-back.ts";

// Format 2: magic, then frames of length u32 and sealed bytes; the length's highest bit marks the last frame,
// which holds nothing. The first one holds the metadata. A frame's context is the file's name, its number, and
// whether it is the last. Format 1, only read any more: frames of length u32, crc32 u32 and bytes in the clear; the
// last one is empty, and its crc is that of all bytes after the metadata.
const magic = Buffer.from("SKSNAP02");
const plainMagic = Buffer.from("SKSNAP01");
const lastBit = 0x8000_0000;
const frameBytesMax = 64 * 1024 * 1024;
const readBytes = 1024 * 1024;

/** Writes the frames of one file. */
export class SnapshotFileWriter {
  readonly #file: FileHandle;
  readonly #name: string;
  readonly #seal: Seal;
  readonly #writeBack: WriteBack;
  #count = 0;

  constructor(file: FileHandle, name: string, seal: Seal) {
    this.#file = file;
    this.#writeBack = new WriteBack(file);
    this.#name = name;
    this.#seal = seal;
  }

  async start(metadata: Uint8Array): Promise<void> {
    await writeAll(this.#file, [magic]);
    await this.write(metadata);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#frame(bytes, false);
  }

  async end(): Promise<void> {
    await this.#frame(Buffer.alloc(0), true);
  }

  async #frame(bytes: Uint8Array, isLast: boolean): Promise<void> {
    const sealed = this.#seal.seal(bytes, contextOf(this.#name, this.#count, isLast));
    this.#count += 1;
    const header = Buffer.alloc(4);
    header.writeUInt32BE(sealed.length + (isLast ? lastBit : 0));
    await writeAll(this.#file, [header, sealed]);
    await this.#writeBack.grew(header.length + sealed.length);
  }
}

/** Reads the frames of one file, of either format. Every method rejects with DATA_LOSS when it is damaged. */
export class SnapshotFileReader {
  readonly #file: FileHandle;
  readonly #name: string;
  readonly #seal: Seal;
  /** Read into again and again: a new one each time is memory that only a full collection gives back. */
  #memory: Buffer = Buffer.alloc(0);
  /** The part of it that was read and not taken yet. */
  #start = 0;
  #end = 0;
  /** Of the file, up to where it was read. */
  #offset = 0;
  #count = 0;
  #isPlain = false;
  #isCurrent = true;
  /** Of format 1: the checksum of all bytes after the metadata. */
  #total = 0;

  constructor(file: FileHandle, name: string, seal: Seal) {
    this.#file = file;
    this.#name = name;
    this.#seal = seal;
  }

  /** Whether all that was read is of format 2 and sealed with the newest key. */
  get isCurrent(): boolean {
    return !this.#isPlain && this.#isCurrent;
  }

  /** The metadata. FAILED_PRECONDITION when a later version of the program wrote the file. */
  async start(): Promise<Buffer> {
    const found = await this.#take(magic.length);
    this.#isPlain = found.equals(plainMagic);
    if (!this.#isPlain && !found.equals(magic)) {
      const isLater = /^SKSNAP\d\d$/.test(found.toString("latin1"));
      throw isLater ? laterFile(this.#name) : damagedFile(this.#name);
    }
    const metadata = await this.next();
    if (metadata === undefined) throw damagedFile(this.#name);
    return metadata;
  }

  /** The next frame, or undefined after the last. */
  async next(): Promise<Buffer | undefined> {
    return this.#isPlain ? await this.#nextPlain() : await this.#nextSealed();
  }

  /** Walks over the remaining frames without reading them, and tells how many bytes they hold. */
  async restBytes(): Promise<number> {
    const { size } = await this.#file.stat();
    let at = this.#offset - (this.#end - this.#start);
    let sum = 0;
    const header = Buffer.alloc(this.#isPlain ? 8 : 4);
    for (let isLast = false; !isLast; ) {
      const { bytesRead } = await this.#file.read(header, 0, header.length, at);
      if (bytesRead < header.length) throw damagedFile(this.#name);
      const word = header.readUInt32BE(0);
      isLast = this.#isPlain ? word === 0 : word >= lastBit;
      const length = word % lastBit;
      at += header.length + length;
      if (!isLast) sum += length - (this.#isPlain ? 0 : sealOverheadBytes);
    }
    if (at !== size) throw damagedFile(this.#name);
    return sum;
  }

  async #nextSealed(): Promise<Buffer | undefined> {
    const word = (await this.#take(4)).readUInt32BE(0);
    const isLast = word >= lastBit;
    const length = word % lastBit;
    if (length > frameBytesMax) throw damagedFile(this.#name);
    const sealed = await this.#take(length);
    const context = contextOf(this.#name, this.#count, isLast);
    this.#count += 1;
    this.#isCurrent &&= this.#seal.isCurrent(sealed);
    try {
      const bytes = this.#seal.open(sealed, context);
      return isLast ? undefined : bytes;
    } catch (error) {
      throw damagedFile(this.#name, error);
    }
  }

  async #nextPlain(): Promise<Buffer | undefined> {
    const header = await this.#take(8);
    const length = header.readUInt32BE(0);
    const crc = header.readUInt32BE(4);
    if (length > frameBytesMax) throw damagedFile(this.#name);
    if (length === 0) {
      if (crc !== this.#total) throw damagedFile(this.#name);
      return undefined;
    }
    const bytes = Buffer.from(await this.#take(length));
    if (crc32(bytes) !== crc) throw damagedFile(this.#name);
    if (this.#count > 0) this.#total = crc32(bytes, this.#total);
    this.#count += 1;
    return bytes;
  }

  /** The next bytes, to be used before the ones after them are taken. */
  async #take(count: number): Promise<Buffer> {
    while (this.#end - this.#start < count) {
      this.#makeRoom(count);
      const room = this.#memory.length - this.#end;
      const { bytesRead } = await this.#file.read(this.#memory, this.#end, room, this.#offset);
      if (bytesRead === 0) throw damagedFile(this.#name);
      this.#offset += bytesRead;
      this.#end += bytesRead;
    }
    const taken = this.#memory.subarray(this.#start, this.#start + count);
    this.#start += count;
    return taken;
  }

  #makeRoom(count: number): void {
    const rest = this.#memory.subarray(this.#start, this.#end);
    const memory =
      count <= this.#memory.length ? this.#memory : Buffer.allocUnsafe(Math.max(readBytes, count));
    memory.set(rest); // also where the two overlap
    this.#memory = memory;
    this.#end = rest.length;
    this.#start = 0;
  }
}

/** DATA_LOSS with what to do about it. */
export function damagedFile(name: string, cause?: unknown): ClusterError {
  const why = cause instanceof ClusterError ? ` (${cause.message})` : "";
  return new ClusterError(
    "DATA_LOSS",
    `snapshot ${name} is damaged${why}; demote and remove this node on another manager, delete its state directory and join it anew`,
    { cause },
  );
}

function laterFile(name: string): ClusterError {
  return new ClusterError(
    "FAILED_PRECONDITION",
    `snapshot ${name} was written by a newer version of this program; start that version, or a later one`,
  );
}

function contextOf(name: string, count: number, isLast: boolean): Buffer {
  return Buffer.from(`${name}\n${count}\n${isLast ? "last" : "more"}`);
}

// A full disk may take a part only, and says so in the count.
async function writeAll(file: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  let rest = [...pieces];
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest);
    rest = behind(rest, bytesWritten);
  }
}

function behind(pieces: readonly Buffer[], count: number): Buffer[] {
  let over = count;
  const rest: Buffer[] = [];
  for (const piece of pieces) {
    if (over < piece.length) rest.push(piece.subarray(over));
    over = Math.max(0, over - piece.length);
  }
  return rest;
}
