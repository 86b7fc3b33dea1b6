import { join } from "node:path";
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
