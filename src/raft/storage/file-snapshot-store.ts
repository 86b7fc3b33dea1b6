import { type FileHandle, mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { syncFolder } from "../../base/atomic-file.ts";
import { ClusterError, errnoCode } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { decodeSnapshotInfo, encodeSnapshotInfo } from "./snapshot-info-codec.ts";
import type { SnapshotInfo, SnapshotStore, StoredSnapshot } from "./snapshot-store.ts";

// A file: magic, then frames of length u32, crc32 u32 and bytes. The first frame is the metadata, an
// empty one is the end; the crc of the end is that of all bytes of the state machine.
const magic = Buffer.from("SKSNAP01");
const frameHeaderBytes = 8;
const frameBytesMax = 64 * 1024 * 1024;
const readBytes = 1024 * 1024;
const nameForm = /^([0-9a-f]{14})-([0-9a-f]{14})\.snapshot$/;

/** Snapshots as files of one folder. */
export class FileSnapshotStore implements SnapshotStore {
  readonly #folder: string;
  readonly #log: Logger;
  #sequence = 0;

  private constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Makes the folder; removes what a crash left half written. */
  static async open(folder: string, log: Logger): Promise<FileSnapshotStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      if (name.endsWith(".tmp")) await unlink(join(folder, name));
    }
    return new FileSnapshotStore(folder, log.child({ module: "snapshot-store" }));
  }

  async save(info: SnapshotInfo, chunks: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    this.#sequence += 1;
    const path = join(this.#folder, nameOf(info));
    const temporary = `${path}.${this.#sequence}.tmp`;
    let sizeBytes = 0;
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.write(magic);
        await writeFrame(file, encodeSnapshotInfo(info));
        let total = 0;
        for await (const chunk of chunks) {
          if (chunk.length === 0) continue;
          await writeFrame(file, chunk);
          total = crc32(chunk, total);
          sizeBytes += chunk.length;
        }
        await file.write(frameHeader(0, total));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
    await syncFolder(this.#folder);
    return { ...info, sizeBytes };
  }

  async list(): Promise<readonly StoredSnapshot[]> {
    const found: StoredSnapshot[] = [];
    for (const name of await readdir(this.#folder)) {
      if (!nameForm.test(name)) continue;
      try {
        found.push(await this.#readInfo(name));
      } catch (error) {
        this.#log.error({ name, err: error }, "snapshot cannot be read");
      }
    }
    return found.sort((a, b) => b.index - a.index || b.term - a.term);
  }

  async *read(snapshot: StoredSnapshot): AsyncGenerator<Uint8Array, void, void> {
    const file = await this.#open(nameOf(snapshot));
    try {
      const frames = new FrameReader(file, nameOf(snapshot));
      await frames.start();
      await frames.next();
      let total = 0;
      for (;;) {
        const frame = await frames.next();
        if (frame.bytes.length === 0) {
          if (frame.crc !== total) throw damagedFile(nameOf(snapshot));
          return;
        }
        total = crc32(frame.bytes, total);
        yield frame.bytes;
      }
    } finally {
      await file.close();
    }
  }

  async prune(index: number, keep: number): Promise<void> {
    const old = (await this.list()).filter((snapshot) => snapshot.index <= index).slice(keep);
    for (const snapshot of old) await this.remove(snapshot);
  }

  async remove(snapshot: StoredSnapshot): Promise<void> {
    await unlink(join(this.#folder, nameOf(snapshot)));
    await syncFolder(this.#folder);
  }

  async #readInfo(name: string): Promise<StoredSnapshot> {
    const file = await this.#open(name);
    try {
      const frames = new FrameReader(file, name);
      await frames.start();
      const info = decodeSnapshotInfo((await frames.next()).bytes);
      return { ...info, sizeBytes: await frames.restBytes() };
    } finally {
      await file.close();
    }
  }

  async #open(name: string): Promise<FileHandle> {
    try {
      return await open(join(this.#folder, name), "r");
    } catch (error) {
      if (errnoCode(error) !== "ENOENT") throw error;
      throw new ClusterError("NOT_FOUND", `snapshot ${name} was removed`);
    }
  }
}

/** Reads frames one after another through a buffer. */
class FrameReader {
  readonly #file: FileHandle;
  readonly #name: string;
  #buffer: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(file: FileHandle, name: string) {
    this.#file = file;
    this.#name = name;
  }

  async start(): Promise<void> {
    if (!(await this.#take(magic.length)).equals(magic)) throw damagedFile(this.#name);
  }

  async next(): Promise<{ bytes: Buffer; crc: number }> {
    const header = await this.#take(frameHeaderBytes);
    const length = header.readUInt32BE(0);
    const crc = header.readUInt32BE(4);
    if (length > frameBytesMax) throw damagedFile(this.#name);
    const bytes = await this.#take(length);
    if (length > 0 && crc32(bytes) !== crc) throw damagedFile(this.#name);
    return { bytes, crc };
  }

  /** Walks over the remaining frames without reading them, and tells how many bytes they hold. */
  async restBytes(): Promise<number> {
    const { size } = await this.#file.stat();
    let at = this.#offset - this.#buffer.length;
    let sum = 0;
    const header = Buffer.alloc(frameHeaderBytes);
    for (;;) {
      const { bytesRead } = await this.#file.read(header, 0, frameHeaderBytes, at);
      if (bytesRead < frameHeaderBytes) throw damagedFile(this.#name);
      const length = header.readUInt32BE(0);
      at += frameHeaderBytes + length;
      if (length === 0) break;
      sum += length;
    }
    if (at !== size) throw damagedFile(this.#name);
    return sum;
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) {
      const chunk = Buffer.allocUnsafe(Math.max(readBytes, count - this.#buffer.length));
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, this.#offset);
      if (bytesRead === 0) throw damagedFile(this.#name);
      this.#offset += bytesRead;
      this.#buffer = Buffer.concat([this.#buffer, chunk.subarray(0, bytesRead)]);
    }
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }
}

async function writeFrame(file: FileHandle, bytes: Uint8Array): Promise<void> {
  await file.writev([frameHeader(bytes.length, crc32(bytes)), bytes]);
}

function frameHeader(length: number, crc: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32BE(length, 0);
  header.writeUInt32BE(crc, 4);
  return header;
}

function nameOf({ index, term }: SnapshotInfo): string {
  const hex = (value: number): string => value.toString(16).padStart(14, "0");
  return `${hex(index)}-${hex(term)}.snapshot`;
}

function damagedFile(name: string): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `snapshot ${name} is damaged; demote and remove this node on another manager, delete its state directory and join it anew`,
  );
}
