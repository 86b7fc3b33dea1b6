import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Container } from "./container.ts";
import { type ContainerRecord, readStored } from "./container-record.ts";
import type { ExitStatus } from "./container-spec.ts";
import { readExitFile } from "./exit-watcher.ts";
import type { ContainerFolders, FolderLayout } from "./folder-layout.ts";
import { isAlive } from "./process-info.ts";

/** What a former daemon of this data root left behind. */
export interface Leftovers {
  readonly containers: readonly Container[];
  /** Ids of containers that were not finished or not wholly removed: to be cleaned away. */
  readonly halfMade: readonly string[];
}

/** Reads what is on disk and says for each container what became of it. Changes nothing. */
export async function findLeftovers(layout: FolderLayout, nowMs: number): Promise<Leftovers> {
  const [data, bundles, runcStates] = await Promise.all(
    [layout.containers, layout.bundles, layout.runcRoot].map((folder) => readdir(folder)),
  );
  const containers: Container[] = [];
  const halfMade: string[] = [];
  for (const id of new Set([...(data ?? []), ...(bundles ?? []), ...(runcStates ?? [])])) {
    const folders = layout.container(id);
    const stored = await readStored(folders);
    if (stored === undefined || stored.spec.id !== id) {
      halfMade.push(id);
      continue;
    }
    const record = await currentRecord(layout, folders, id, stored.record, nowMs);
    containers.push(new Container(stored.spec, folders, record));
  }
  return { containers, halfMade };
}

async function currentRecord(
  layout: FolderLayout,
  folders: ContainerFolders,
  id: string,
  record: ContainerRecord,
  nowMs: number,
): Promise<ContainerRecord> {
  if (record.exit !== undefined) return record;
  const exitFile = await readExitFile(layout.exits, id);
  if (exitFile !== undefined) {
    const { exitCode, finishedAtMs } = exitFile;
    return { ...record, exit: { exitCode, finishedAtMs, oomKilled: await wasOomKilled(folders) } };
  }
  if (!(await isAlive(record.process))) return { ...record, exit: vanished(nowMs) };
  // The former daemon may have died between starting the container and noting it.
  const waits = await exists(join(folders.runcState, "exec.fifo"));
  const startedAtMs = record.startedAtMs > 0 || waits ? record.startedAtMs : record.createdAtMs;
  return { ...record, startedAtMs };
}

/** The end of a container whose exit code nobody kept: its host restarted, or its monitor was killed. */
export function vanished(nowMs: number): ExitStatus {
  return {
    exitCode: 137,
    oomKilled: false,
    finishedAtMs: nowMs,
    reason: "the container ended while nothing watched it",
  };
}

/** Whether conmon saw the kernel's out-of-memory killer at work in the container. */
export async function wasOomKilled(folders: ContainerFolders): Promise<boolean> {
  return (
    (await exists(join(folders.persist, "oom"))) || (await exists(join(folders.bundle, "oom")))
  );
}

/** Whether there is something at a path. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
