import { constants } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ClusterError, errnoCode } from "../base/errors.ts";
import type { DeviceSpec } from "./container-spec.ts";
import type { OciDevice } from "./oci-types.ts";

/** Below /dev, what a container has of its own, or what is no device of the host. */
const ownNames = new Set(["pts", "shm", "fd", "mqueue", "console", ".lxc", ".udev", "ptmx"]);
const depthMax = 8;

/** A device node of the host with what a container may do with it: any of r, w and m. */
export interface HostDevice extends OciDevice {
  readonly access: string;
}

/**
 * The device nodes that a container asks for; a folder means all those in it. INVALID_ARGUMENT for a path that is
 * not there or neither.
 */
export async function findDevices(wanted: readonly DeviceSpec[]): Promise<HostDevice[]> {
  const found = await Promise.all(wanted.map(findDevice));
  return [...new Map(found.flat().map((device) => [device.path, device])).values()];
}

/** Every device of the host, for a privileged container. */
export async function allDevices(): Promise<HostDevice[]> {
  return await devicesIn("/dev", "/dev", "rwm", 0);
}

async function findDevice({ hostPath, path, access }: DeviceSpec): Promise<HostDevice[]> {
  let stats: Awaited<ReturnType<typeof stat>>;
  try {
    // What a link such as /dev/cdrom leads to.
    stats = await stat(hostPath);
  } catch (error) {
    if (errnoCode(error) !== "ENOENT" && errnoCode(error) !== "ENOTDIR") throw error;
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `error gathering device information while adding custom device "${hostPath}": no such file or directory`,
    );
  }
  if (stats.isDirectory()) return await devicesIn(hostPath, path, access, 0);
  const device = deviceOf(stats, path, access);
  if (device !== undefined) return [device];
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `error gathering device information while adding custom device "${hostPath}": not a device node`,
  );
}

async function devicesIn(
  folder: string,
  path: string,
  access: string,
  depth: number,
): Promise<HostDevice[]> {
  if (depth > depthMax) return [];
  const names = await readdir(folder);
  const found = await Promise.all(
    names.sort().map(async (name) => {
      if (depth === 0 && ownNames.has(name)) return [];
      // A device may go at any time.
      const stats = await lstat(join(folder, name)).catch(() => undefined);
      if (stats === undefined) return [];
      if (stats.isDirectory()) {
        return await devicesIn(join(folder, name), join(path, name), access, depth + 1);
      }
      return deviceOf(stats, join(path, name), access) ?? [];
    }),
  );
  return found.flat();
}

function deviceOf(
  stats: Awaited<ReturnType<typeof stat>>,
  path: string,
  access: string,
): HostDevice | undefined {
  const mode = Number(stats.mode);
  const kind = mode & constants.S_IFMT;
  if (kind !== constants.S_IFCHR && kind !== constants.S_IFBLK) return undefined;
  const { major, minor } = deviceNumbers(Number(stats.rdev));
  return {
    path,
    type: kind === constants.S_IFCHR ? "c" : "b",
    major,
    minor,
    fileMode: mode & 0o777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    access,
  };
}

/** The two numbers of a device as stat(2) gives them in one (glibc's gnu_dev_major, gnu_dev_minor). */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const value = BigInt(rdev);
  return {
    major: Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n)),
    minor: Number((value & 0xffn) | ((value >> 12n) & 0xffffff00n)),
  };
}
