import { readFile, rename, writeFile } from "node:fs/promises";
import type { ContainerSpec, ExitStatus } from "./container-spec.ts";
import type { ContainerFolders } from "./folder-layout.ts";
import type { ProcessIdentity } from "./process-info.ts";

/** A spec as it is kept on disk: without the secrets' content. */
export type StoredSpec = Omit<ContainerSpec, "files">;

/** What a restarted daemon must know to adopt a container. */
export interface ContainerRecord {
  readonly createdAtMs: number;
  readonly process: ProcessIdentity;
  readonly conmon: ProcessIdentity | undefined;
  /** 0 until start was asked for. */
  readonly startedAtMs: number;
  readonly exit: ExitStatus | undefined;
}

// No fsync: after a power loss no container runs, and a record that is missing or torn is cleaned away.

/** Writes the spec without secrets. */
export async function writeSpec(folders: ContainerFolders, spec: ContainerSpec): Promise<void> {
  const { files: _secrets, ...stored } = spec;
  await replaceFile(folders.spec, JSON.stringify(stored));
}

export async function writeRecord(
  folders: ContainerFolders,
  record: ContainerRecord,
): Promise<void> {
  await replaceFile(folders.state, JSON.stringify(record));
}

/** What a former daemon left; undefined when it is half-made. */
export async function readStored(
  folders: ContainerFolders,
): Promise<{ spec: StoredSpec; record: ContainerRecord } | undefined> {
  try {
    const spec: unknown = JSON.parse(await readFile(folders.spec, "utf8"));
    const record: unknown = JSON.parse(await readFile(folders.state, "utf8"));
    return isStoredSpec(spec) && isRecord(record) ? { spec, record } : undefined;
  } catch {
    return undefined;
  }
}

function isStoredSpec(value: unknown): value is StoredSpec {
  return typeof value === "object" && value !== null && "id" in value && "labels" in value;
}

function isRecord(value: unknown): value is ContainerRecord {
  return (
    typeof value === "object" && value !== null && "process" in value && "startedAtMs" in value
  );
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
