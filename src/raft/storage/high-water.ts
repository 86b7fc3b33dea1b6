import { closeSync, existsSync, openSync, readFileSync, write } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { syncFolder } from "../../base/atomic-file.ts";
import { ClusterError } from "../../base/errors.ts";

const recordBytes = 12;

/**
 * Remembers, beside the log, the number of the last write that is durable: a log that is behind this mark has lost
 * acknowledged data. It is of writes that no other one has followed yet: those before are vouched for by the record behind them. The
 * mark itself is not synced, and nobody waits for it: it may be older than the log, never newer.
 */
export class HighWaterMark {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(recordBytes);
  #wanted = 0;
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static async open(path: string): Promise<HighWaterMark> {
    const isNew = !existsSync(path);
    const mark = new HighWaterMark(openSync(path, isNew ? "w" : "r+", 0o600));
    if (isNew) await syncFolder(dirname(path));
    return mark;
  }

  /**
   * The remembered number; 0 when there is none, or none that had reached the disk before a power loss.
   * DATA_LOSS when it was damaged: then nothing tells whether the log is complete.
   */
  static read(path: string): number {
    if (!existsSync(path)) return 0;
    const bytes = contentOf(path);
    const isUnwritten = bytes.length === 0 || bytes.length === recordBytes;
    if (isUnwritten && bytes.every((byte) => byte === 0)) return 0;
    if (bytes.length !== recordBytes || crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8)) {
      throw damagedMark(path);
    }
    return Number(bytes.readBigUInt64BE(0));
  }

  /**
   * Written in the background, where the journal of the file system may take its time; what comes meanwhile is written
   * afterwards, once. Throws the error of an earlier call.
   */
  set(sequence: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#wanted = sequence;
    if (this.#writing === undefined) {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
      });
    }
  }

  /** Once the newest number is written. */
  async close(): Promise<void> {
    await this.#writing;
    closeSync(this.#fd);
  }

  async #write(): Promise<void> {
    for (let written = 0; written < this.#wanted && this.#failure === undefined; ) {
      written = this.#wanted;
      this.#buffer.writeBigUInt64BE(BigInt(written), 0);
      this.#buffer.writeUInt32BE(crc32(this.#buffer.subarray(0, 8)), 8);
      await new Promise<void>((resolve) => {
        write(this.#fd, this.#buffer, 0, recordBytes, 0, (error) => {
          this.#failure = error ?? undefined;
          resolve();
        });
      });
    }
  }
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw damagedMark(path, error);
  }
}

function damagedMark(path: string, cause?: unknown): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `${path} is damaged, which says how far the raft log must reach; if the rest of the disk is good, remove that file and start the daemon again, else demote and remove this node on another manager, delete its state directory and join it anew`,
    { cause },
  );
}
