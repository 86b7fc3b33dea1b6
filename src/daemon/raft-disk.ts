import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../base/log.ts";
import { FileSnapshotStore } from "../raft/storage/file-snapshot-store.ts";
import { LevelLog } from "../raft/storage/level-log.ts";
import type { RaftStorage } from "../raft/storage/raft-storage.ts";
import type { KeyVault } from "./key-vault.ts";
import { LogWithOldDataKeys } from "./old-data-keys.ts";

/** What raft keeps on this manager's disk. */
export interface RaftDisk {
  readonly storage: RaftStorage;
  readonly snapshots: FileSnapshotStore;
}

/**
 * Opens log and snapshots with the node's data keys; all is sealed with the newest of them then, and the older ones are
 * forgotten. Errors as `LevelLog.open` and `KeyVault.dataKeys`.
 */
export async function openRaftDisk(
  folder: string,
  { vault, log }: { readonly vault: KeyVault; readonly log: Logger },
): Promise<RaftDisk> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const seal = await vault.dataKeys();
  const newest = vault.newestOfSeveralDataKeys();
  const storage = await LevelLog.open(join(folder, "log"), { seal });
  try {
    const snapshots = await FileSnapshotStore.open(join(folder, "snapshots"), { seal, log });
    if (newest !== undefined) await vault.forgetDataKeysBefore(newest);
    return { storage: new LogWithOldDataKeys({ storage, snapshots, vault, log }), snapshots };
  } catch (error) {
    await storage.close();
    throw error;
  }
}
