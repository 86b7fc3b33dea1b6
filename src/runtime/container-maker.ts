import { chmod, chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { unmount } from "../base/linux.ts";
import { launchConmon } from "./conmon.ts";
import { type ContainerRecord, writeRecord, writeSpec } from "./container-record.ts";
import type { ContainerSpec } from "./container-spec.ts";
import { allDevices, findDevices } from "./devices.ts";
import type { ContainerFolders, FolderLayout } from "./folder-layout.ts";
import type { HostFacts } from "./host-facts.ts";
import { buildOciSpec } from "./oci-spec.ts";
import { readTextInRoot } from "./open-in-root.ts";
import { identifyProcess } from "./process-info.ts";
import { checkRootfs, mountRootfs } from "./rootfs.ts";
import { lookupUser, type ProcessUser } from "./user-lookup.ts";

const userFileBytesMax = 1024 * 1024;
const defaultLogMaxBytes = 20 * 1024 * 1024;
const createTimeoutMs = 60_000;

export interface MakerDeps {
  readonly layout: FolderLayout;
  readonly host: HostFacts;
  readonly runcPath: string;
  readonly conmonPath: string;
  readonly cgroupParent: string;
  readonly clock: Clock;
}

/** Makes a container up to the point where its first process waits to be started. Cleans up when it fails. */
export async function makeContainer(
  spec: ContainerSpec,
  folders: ContainerFolders,
  deps: MakerDeps,
): Promise<ContainerRecord> {
  await Promise.all(
    [folders.bundle, folders.etc, folders.persist].map((path) => mkdir(path, { recursive: true })),
  );
  await mountRootfs(spec.layerPaths, folders);
  await checkRootfs(folders.rootfs);
  const user = resolveUser(folders.rootfs, spec.user, spec.groups);
  const [devices, etcPaths, filePaths] = await Promise.all([
    spec.privileged === true ? allDevices() : findDevices(spec.devices ?? []),
    writeEtcFiles(folders.etc, spec),
    writeSecretFiles(folders.secrets, spec),
    writeSpec(folders, spec),
  ]);
  const config = buildOciSpec({
    spec,
    rootfsPath: folders.rootfs,
    cgroupsPath: `${deps.cgroupParent}/${spec.id}`,
    user,
    host: deps.host,
    etcPaths,
    filePaths,
    devices,
  });
  await writeFile(folders.config, JSON.stringify(config), { mode: 0o600 });
  const pid = await launchConmon(
    {
      conmonPath: deps.conmonPath,
      runcPath: deps.runcPath,
      runcRoot: deps.layout.runcRoot,
      exitsFolder: deps.layout.exits,
      id: spec.id,
      name: spec.name,
      folders,
      tty: spec.tty,
      openStdin: spec.openStdin,
      keepStdinOpen: spec.keepStdinOpen === true,
      logMaxBytes: spec.logMaxBytes ?? defaultLogMaxBytes,
    },
    { clock: deps.clock, timeoutMs: createTimeoutMs },
  );
  const record = await newRecord(folders, pid, deps.clock.now());
  await writeRecord(folders, record);
  return record;
}

/** Takes away all that only a running container needs; its files, log and record stay. */
export async function removeRunFolders(folders: ContainerFolders): Promise<void> {
  unmount(folders.rootfs);
  await Promise.all(
    [folders.bundle, folders.secrets, folders.runcState, folders.exitFile].map((path) =>
      rm(path, { recursive: true, force: true }),
    ),
  );
}

/** Removes every folder and mount of a container. Fails for nothing that is already gone. */
export async function removeFolders(folders: ContainerFolders): Promise<void> {
  await removeRunFolders(folders);
  // The data folder last: as long as it is there, a restarted daemon knows what to clean.
  await rm(folders.data, { recursive: true, force: true });
}

/** The user of a process by the files of the container's root. */
export function resolveUser(rootfs: string, user: string, groups: readonly string[]): ProcessUser {
  const passwd = readTextInRoot(rootfs, "/etc/passwd", userFileBytesMax);
  const group = readTextInRoot(rootfs, "/etc/group", userFileBytesMax);
  return lookupUser(user, groups, passwd, group);
}

async function newRecord(
  folders: ContainerFolders,
  pid: number,
  nowMs: number,
): Promise<ContainerRecord> {
  const identity = await identifyProcess(pid);
  return {
    createdAtMs: nowMs,
    process: identity ?? { pid, startTicks: "" },
    conmon: await readConmonIdentity(folders),
    startedAtMs: 0,
    exit: undefined,
  };
}

async function readConmonIdentity(folders: ContainerFolders): Promise<ContainerRecord["conmon"]> {
  const text = await readFile(folders.conmonPidFile, "utf8").catch(() => "");
  return identifyProcess(Number(text));
}

async function writeEtcFiles(
  folder: string,
  spec: ContainerSpec,
): Promise<{ hosts: string; hostname: string; resolvConf: string }> {
  const paths = {
    hosts: join(folder, "hosts"),
    hostname: join(folder, "hostname"),
    resolvConf: join(folder, "resolv.conf"),
  };
  await Promise.all([
    writeFile(paths.hosts, spec.etcFiles.hosts),
    writeFile(paths.hostname, spec.etcFiles.hostname),
    writeFile(paths.resolvConf, spec.etcFiles.resolvConf),
  ]);
  return paths;
}

async function writeSecretFiles(folder: string, spec: ContainerSpec): Promise<string[]> {
  if (spec.files.length === 0) return [];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return await Promise.all(
    spec.files.map(async (file, index) => {
      const path = join(folder, String(index));
      await writeFile(path, file.content, { mode: 0o600 });
      await chown(path, file.uid, file.gid);
      await chmod(path, file.mode & 0o7777);
      return path;
    }),
  );
}
