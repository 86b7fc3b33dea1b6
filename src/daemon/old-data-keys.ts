import type { Logger } from "../base/log.ts";
import type { FileSnapshotStore } from "../raft/storage/file-snapshot-store.ts";
import type { LevelLog } from "../raft/storage/level-log.ts";
import type { LoadedLog, LogWrite, RaftStorage } from "../raft/storage/raft-storage.ts";
import type { KeyVault } from "./key-vault.ts";

export interface OldDataKeysDeps {
  readonly storage: Pick<LevelLog, "load" | "write" | "compact" | "close" | "isSealedAnew">;
  readonly snapshots: Pick<FileSnapshotStore, "sealAnew">;
  readonly vault: Pick<KeyVault, "newestOfSeveralDataKeys" | "forgetDataKeysBefore">;
  readonly log: Logger;
}

/**
 * The log, that lets go of data keys which nothing on this manager's disk needs any more. It looks after each compaction while there are
 * several keys: what a rotation left sealed with an old one is gone from the log after one or two of them, and snapshots are sealed anew.
 * A key that is newest when a compaction begins is kept, and those after it: every write before has ended by then, and each later one
 * is sealed with it or a newer one.
 */
export class LogWithOldDataKeys implements RaftStorage {
  readonly #deps: OldDataKeysDeps;
  #looking: Promise<void> | undefined;

  constructor(deps: OldDataKeysDeps) {
    this.#deps = deps;
  }

  load(): LoadedLog {
    return this.#deps.storage.load();
  }

  write(write: LogWrite): Promise<void> {
    return this.#deps.storage.write(write);
  }

  async compact(index: number): Promise<void> {
    const { storage, vault } = this.#deps;
    const newest = vault.newestOfSeveralDataKeys();
    await storage.compact(index);
    // Beside the log's work, which does not wait for it.
    if (newest !== undefined) this.#looking ??= this.#look(newest);
  }

  async close(): Promise<void> {
    await this.#looking;
    await this.#deps.storage.close();
  }

  async #look(newest: number): Promise<void> {
    const { storage, snapshots, vault, log } = this.#deps;
    try {
      if (!(await storage.isSealedAnew()) || !(await snapshots.sealAnew())) return;
      await vault.forgetDataKeysBefore(newest);
      log.info({}, "data keys of before are forgotten: nothing is sealed with them any more");
    } catch (error) {
      log.warn({ err: error }, "data keys of before are kept until they can be forgotten");
    } finally {
      this.#looking = undefined;
    }
  }
}
