import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { syncFolder } from "../../base/atomic-file.ts";

const recordBytes = 12;

/**
 * Remembers, beside the log, the number of the last batch whose sync finished. LevelDB drops damaged
 * records when it opens and says nothing; a log that is behind this mark has lost acknowledged data.
 * The mark itself is not synced: after a power loss it may be older than the log, never newer.
 */
export class HighWaterMark {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(recordBytes);

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static async open(path: string): Promise<HighWaterMark> {
    const isNew = !existsSync(path);
    const mark = new HighWaterMark(openSync(path, isNew ? "w" : "r+", 0o600));
    if (isNew) await syncFolder(dirname(path));
    return mark;
  }

  /** The remembered number; 0 when there is none, or it was torn by a power loss. */
  static read(path: string): number {
    if (!existsSync(path)) return 0;
    const bytes = readFileSync(path);
    if (bytes.length < recordBytes) return 0;
    if (crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8)) return 0;
    return Number(bytes.readBigUInt64BE(0));
  }

  /** Synchronous: a few microseconds into the page cache. */
  set(sequence: number): void {
    this.#buffer.writeBigUInt64BE(BigInt(sequence), 0);
    this.#buffer.writeUInt32BE(crc32(this.#buffer.subarray(0, 8)), 8);
    writeSync(this.#fd, this.#buffer, 0, recordBytes, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
