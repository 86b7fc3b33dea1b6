import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoCode } from "../base/errors.ts";
import type { CgroupVersion } from "./host-facts.ts";

const mountPoint = "/sys/fs/cgroup";
const v1Controllers = [
  "memory",
  "cpu",
  "cpuacct",
  "cpu,cpuacct",
  "cpuset",
  "pids",
  "blkio",
  "devices",
  "freezer",
  "hugetlb",
  "net_cls",
  "net_prio",
  "net_cls,net_prio",
  "perf_event",
  "rdma",
  "misc",
  "systemd",
  "unified",
];

/** The folder of a cgroup in one v1 controller's tree, or in the one tree of v2. */
export function cgroupFolder(
  version: CgroupVersion,
  controller: "memory" | "cpu" | "cpuacct" | "pids" | "blkio",
  cgroupsPath: string,
): string {
  if (version === "v2") return join(mountPoint, cgroupsPath);
  return join(mountPoint, controller, cgroupsPath);
}

/** Every folder a cgroup may have, to clean up after a parent. */
export function cgroupFolders(version: CgroupVersion, cgroupsPath: string): string[] {
  if (version === "v2") return [join(mountPoint, cgroupsPath)];
  return v1Controllers.map((controller) => join(mountPoint, controller, cgroupsPath));
}

/** Removes empty cgroups. False when one of them is still in use. */
export async function removeCgroups(paths: readonly string[]): Promise<boolean> {
  const gone = await Promise.all(
    paths.map((path) =>
      rmdir(path).then(
        () => true,
        (error: unknown) => errnoCode(error) === "ENOENT",
      ),
    ),
  );
  return gone.every(Boolean);
}

/** Where the kernel says whether a cgroup is frozen. */
export function freezerFile(version: CgroupVersion, cgroupsPath: string): string {
  if (version === "v2") return join(mountPoint, cgroupsPath, "cgroup.freeze");
  return join(mountPoint, "freezer", cgroupsPath, "freezer.state");
}

/** Whether such a file says so. */
export function isFrozenText(text: string): boolean {
  return ["1", "FROZEN", "FREEZING"].includes(text.trim());
}
