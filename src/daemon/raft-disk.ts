import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../base/log.ts";
import { FileSnapshotStore } from "../raft/storage/file-snapshot-store.ts";
import { LevelLog } from "../raft/storage/level-log.ts";
import type { KeyVault } from "./key-vault.ts";

/** What raft keeps on this manager's disk. */
export interface RaftDisk {
  readonly storage: LevelLog;
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
  const storage = await LevelLog.open(join(folder, "log"), { seal });
  try {
    const snapshots = await FileSnapshotStore.open(join(folder, "snapshots"), { seal, log });
    await vault.forgetOldDataKeys();
    return { storage, snapshots };
  } catch (error) {
    await storage.close();
    throw error;
  }
}
