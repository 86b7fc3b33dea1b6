import { close, constants, fsync, ftruncate, open, write, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { syncFolder } from "../../base/atomic-file.ts";
import { systemClock } from "../../base/clock.ts";
import { errnoCode } from "../../base/errors.ts";

/** An open file. */
export interface SegmentHandle {
  /** All of `bytes`, at `position`; resolves with the milliseconds that it took. `inline`: on this thread, which stands still meanwhile. */
  write(bytes: Buffer, position: number, inline?: boolean): Promise<number>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** The files of segments, so that tests can lose what was not made durable. */
export interface SegmentFiles {
  /** `flags` as of open(2). */
  open(path: string, flags: number): Promise<SegmentHandle>;
  /** Undefined when there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Makes creations in the folder durable. */
  syncFolder(path: string): Promise<void>;
}

/** Empties the file, or makes it. */
export const createFlags: number = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC;
/** Each write is on the disk when it is done, as if by fdatasync (Linux open(2)): one call for both, in one turn of libuv's threads. */
export const durableFlags: number = constants.O_RDWR | constants.O_DSYNC;

/** Those of the system. */
export const systemFiles: SegmentFiles = {
  async open(path, flags) {
    const fd = await promisify(open)(path, flags, 0o600);
    return {
      write: (bytes, position, inline = false) => writeAll(fd, bytes, position, inline),
      sync: () => promisify(fsync)(fd),
      truncate: (length) => promisify(ftruncate)(fd, length),
      close: () => promisify(close)(fd),
    };
  },
  async read(path) {
    try {
      return await readFile(path);
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return undefined;
      throw error;
    }
  },
  syncFolder,
};

// By callbacks: a promise of `node:fs/promises` costs more than the rest of a short write. At the end of the turn: what other callers ask for in
// it then goes with the next write together, which takes their turns otherwise (16 clients: half the rate); and where cores are scarce, the
// thread that writes takes the main thread's place, so that what is to be sent should have left.
function writeAll(fd: number, bytes: Buffer, position: number, inline: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      const startedMs = systemClock.monotonic();
      const done = (): void => resolve(systemClock.monotonic() - startedMs);
      // A full disk takes a part, and refuses the next one.
      if (inline) {
        try {
          for (let at = 0; at < bytes.length; ) {
            at += writeSync(fd, bytes, at, bytes.length - at, position + at);
          }
          done();
        } catch (error) {
          reject(error);
        }
        return;
      }
      const next = (from: number): void => {
        write(fd, bytes, from, bytes.length - from, position + from, (error, count) => {
          if (error !== null) reject(error);
          else if (from + count >= bytes.length) done();
          else next(from + count);
        });
      };
      next(0);
    });
  });
}
