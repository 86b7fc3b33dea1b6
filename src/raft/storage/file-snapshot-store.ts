import { type FileHandle, mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../base/atomic-file.ts";
import { ClusterError, errnoCode } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Seal } from "./seal.ts";
import { SnapshotFileReader, SnapshotFileWriter } from "./snapshot-file.ts";
import { decodeSnapshotInfo, encodeSnapshotInfo } from "./snapshot-info-codec.ts";
import type { SnapshotInfo, SnapshotStore, StoredSnapshot } from "./snapshot-store.ts";

/** Each frame costs a call of the disk, and later a message to a member. Sealed in well under 1 ms. */
const frameBytes = 256 * 1024;
const nameForm = /^([0-9a-f]{14})-([0-9a-f]{14})\.snapshot$/;

/** Snapshots as sealed files of one folder. */
export class FileSnapshotStore implements SnapshotStore {
  readonly #folder: string;
  readonly #seal: Seal;
  readonly #log: Logger;
  #sequence = 0;
  /** Files being written: their first parts may be sealed with a key that was the newest then. */
  #saving = 0;

  private constructor(folder: string, seal: Seal, log: Logger) {
    this.#folder = folder;
    this.#seal = seal;
    this.#log = log;
  }

  /**
   * Makes the folder; removes what a crash left half written; seals anew with the newest key what is in the clear
   * (format 1) or sealed with an older one. A file that cannot be read stays as it is, and is not listed.
   */
  static async open(
    folder: string,
    { seal, log }: { readonly seal: Seal; readonly log: Logger },
  ): Promise<FileSnapshotStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const store = new FileSnapshotStore(folder, seal, log.child({ module: "snapshot-store" }));
    for (const name of await readdir(folder)) {
      if (name.endsWith(".tmp")) await unlink(join(folder, name));
    }
    await store.sealAnew();
    return store;
  }

  async save(info: SnapshotInfo, chunks: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    const name = nameOf(info);
    this.#sequence += 1;
    const path = join(this.#folder, name);
    const temporary = `${path}.${this.#sequence}.tmp`;
    let sizeBytes = 0;
    this.#saving += 1;
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        const writer = new SnapshotFileWriter(file, name, this.#seal);
        await writer.start(encodeSnapshotInfo(info));
        for await (const bytes of inFrames(chunks)) {
          await writer.write(bytes);
          sizeBytes += bytes.length;
        }
        await writer.end();
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    } finally {
      this.#saving -= 1;
    }
    await syncFolder(this.#folder);
    return { ...info, sizeBytes };
  }

  async list(): Promise<readonly StoredSnapshot[]> {
    const found: StoredSnapshot[] = [];
    for (const name of await this.#names()) {
      const info = await this.#inFile(name, async (reader) => {
        const metadata = decodeSnapshotInfo(await reader.start());
        if (nameOf(metadata) !== name) throw new ClusterError("DATA_LOSS", "it was renamed");
        return { ...metadata, sizeBytes: await reader.restBytes() };
      }).catch((error: unknown) => {
        this.#log.error({ name, err: error }, "snapshot cannot be read");
      });
      if (info !== undefined) found.push(info);
    }
    return found.sort((a, b) => b.index - a.index || b.term - a.term);
  }

  async *read(snapshot: StoredSnapshot): AsyncGenerator<Uint8Array, void, void> {
    const file = await this.#open(nameOf(snapshot));
    try {
      const reader = new SnapshotFileReader(file, nameOf(snapshot), this.#seal);
      await reader.start();
      for (;;) {
        const bytes = await reader.next();
        if (bytes === undefined) return;
        yield bytes;
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

  /**
   * Seals anew with the newest key what is in the clear or sealed with an older one. True when nothing is left that an older key is needed
   * for; false when something cannot be read, or is being written.
   */
  async sealAnew(): Promise<boolean> {
    let isDone = this.#saving === 0;
    for (const name of await this.#names()) {
      try {
        const old = await this.#inFile(name, async (reader) => {
          const info = decodeSnapshotInfo(await reader.start());
          return reader.isCurrent ? undefined : { ...info, sizeBytes: 0 };
        });
        if (old !== undefined) await this.save(old, this.read(old));
      } catch (error) {
        // One that is damaged counts only if it is needed, and whoever needs it will say so.
        if (!(error instanceof ClusterError)) throw error;
        if (error.code === "NOT_FOUND") continue; // pruned meanwhile
        isDone = false;
        this.#log.error({ name, err: error }, "snapshot cannot be read");
      }
    }
    return isDone;
  }

  async #names(): Promise<string[]> {
    const found = await readdir(this.#folder, { withFileTypes: true });
    return found
      .filter((entry) => entry.isFile() && nameForm.test(entry.name))
      .map(({ name }) => name);
  }

  async #inFile<T>(name: string, work: (reader: SnapshotFileReader) => Promise<T>): Promise<T> {
    const file = await this.#open(name);
    try {
      return await work(new SnapshotFileReader(file, name, this.#seal));
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

/** The same bytes in pieces of one size but for the last; each to be used before the next, as they share their memory. */
async function* inFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, void> {
  const frame = Buffer.allocUnsafe(frameBytes);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + frameBytes - filled);
      frame.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < frameBytes) continue;
      yield frame;
      filled = 0;
    }
  }
  if (filled > 0) yield frame.subarray(0, filled);
}

function nameOf({ index, term }: SnapshotInfo): string {
  const hex = (value: number): string => value.toString(16).padStart(14, "0");
  return `${hex(index)}-${hex(term)}.snapshot`;
}
