import type { FileHandle } from "node:fs/promises";
import koffi from "koffi";

const libc = koffi.load(null);
const syncFileRange = libc.func(
  "int sync_file_range(int fd, int64_t offset, int64_t count, unsigned int flags)",
);
const flags = { waitBefore: 1, write: 2 } as const;

/** The kernel is told to write so much at a time. */
const pieceBytes = 512 * 1024;
/** So much may be on its way: whoever writes faster than the disk waits. */
const underWayBytes = 4 * 1024 * 1024;

/**
 * Has a long file written to the disk while it grows (sync_file_range(2), in another thread), so that little is left for the sync at its end; that
 * one alone makes it durable. A sync of each piece would do as well, but makes the file system commit its journal and the disk empty its cache,
 * which the log's writes wait for: docs/benchmarks.md, "Large state".
 */
export class WriteBack {
  readonly #file: FileHandle;
  #end = 0;
  #begun = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The file has grown by so many bytes. Rejects only when its sync does, which is done where the system has no such call. */
  async grew(count: number): Promise<void> {
    this.#end += count;
    while (this.#end - this.#begun >= pieceBytes) {
      const behind = this.#begun - underWayBytes;
      const isDone =
        (await this.#call(this.#begun, flags.write)) &&
        (behind < 0 || (await this.#call(behind, flags.waitBefore)));
      this.#begun += pieceBytes;
      if (!isDone) await this.#file.datasync();
    }
  }

  #call(offset: number, flag: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (error: unknown, result: number): void =>
        resolve(error === null && result === 0);
      syncFileRange.async(this.#file.fd, offset, pieceBytes, flag, done);
    });
  }
}
