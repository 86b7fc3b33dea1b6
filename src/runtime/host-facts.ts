import { access, readdir, readFile } from "node:fs/promises";
import { capabilitiesOfMask } from "./capabilities.ts";

/** `hybrid` is v1 controllers beside a v2 tree; limits are then set in v1. */
export type CgroupVersion = "v1" | "v2" | "hybrid";

/** What this process may give to a container, read once at start. */
export interface HostFacts {
  /** Node's name, "x64". */
  readonly architecture: string;
  readonly capabilities: ReadonlySet<string>;
  readonly oomScoreAdj: number;
  /** Hard limits of this process by "RLIMIT_NOFILE"; -1 is unlimited. */
  readonly hardLimits: Readonly<Record<string, number>>;
  readonly cgroupVersion: CgroupVersion;
  /** Whether the kernel can limit swap; without it a memory limit leaves swap alone. */
  readonly swapLimit: boolean;
  /** Static init program of the host, when there is one. */
  readonly initPath?: string;
}

const limitNames: Readonly<Record<string, string>> = {
  "Max cpu time": "RLIMIT_CPU",
  "Max file size": "RLIMIT_FSIZE",
  "Max data size": "RLIMIT_DATA",
  "Max stack size": "RLIMIT_STACK",
  "Max core file size": "RLIMIT_CORE",
  "Max resident set": "RLIMIT_RSS",
  "Max processes": "RLIMIT_NPROC",
  "Max open files": "RLIMIT_NOFILE",
  "Max locked memory": "RLIMIT_MEMLOCK",
  "Max address space": "RLIMIT_AS",
  "Max file locks": "RLIMIT_LOCKS",
  "Max pending signals": "RLIMIT_SIGPENDING",
  "Max msgqueue size": "RLIMIT_MSGQUEUE",
  "Max nice priority": "RLIMIT_NICE",
  "Max realtime priority": "RLIMIT_RTPRIO",
  "Max realtime timeout": "RLIMIT_RTTIME",
};

const initPaths = [
  "/usr/libexec/docker/docker-init",
  "/usr/bin/docker-init",
  "/usr/bin/tini-static",
  "/usr/bin/catatonit",
  "/usr/libexec/podman/catatonit",
];

/** Reads the facts from /proc and /sys. */
export async function readHostFacts(): Promise<HostFacts> {
  const status = await readFile("/proc/self/status", "utf8");
  const initPath = await firstExisting(initPaths);
  const cgroupVersion = await detectCgroupVersion();
  const swapFile =
    cgroupVersion === "v2" ? "/proc/swaps" : "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes";
  return {
    architecture: process.arch,
    capabilities: capabilitiesOfMask(/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"),
    oomScoreAdj: Number(await readFile("/proc/self/oom_score_adj", "utf8")),
    hardLimits: parseLimits(await readFile("/proc/self/limits", "utf8")),
    cgroupVersion,
    swapLimit: (await firstExisting([swapFile])) !== undefined,
    ...(initPath === undefined ? {} : { initPath }),
  };
}

/** The hard limits of a /proc/PID/limits text. */
export function parseLimits(text: string): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const match = /^(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)/.exec(line);
    const name = limitNames[match?.[1] ?? ""];
    if (name !== undefined) limits[name] = match?.[3] === "unlimited" ? -1 : Number(match?.[3]);
  }
  return limits;
}

async function detectCgroupVersion(): Promise<CgroupVersion> {
  const entries = await readdir("/sys/fs/cgroup").catch((): string[] => []);
  if (entries.includes("cgroup.controllers")) return "v2";
  return entries.includes("unified") ? "hybrid" : "v1";
}

async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
