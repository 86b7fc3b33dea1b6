import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cgroupFolder } from "./cgroup-paths.ts";
import type { CgroupVersion } from "./host-facts.ts";

/** Use of resources; counters since the container's start. */
export interface ContainerStats {
  readonly readAtMs: number;
  readonly cpuNanos: number;
  readonly cpuUserNanos: number;
  readonly cpuSystemNanos: number;
  /** Without the page cache that the kernel would give back first, as `docker stats` shows it. */
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly memoryCacheBytes: number;
  readonly pids: number;
  readonly pidsLimit: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly throttledPeriods: number;
  readonly throttledNanos: number;
  readonly oomKills: number;
  readonly networks: Readonly<Record<string, NetworkStats>>;
}

export interface NetworkStats {
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
}

/** Reads a file of a cgroup by "controller/file"; "" when it is absent. */
export type CgroupReader = (
  controller: "memory" | "cpu" | "cpuacct" | "pids" | "blkio",
  file: string,
) => Promise<string>;

/** Reads from the real tree. */
export function cgroupReader(version: CgroupVersion, cgroupsPath: string): CgroupReader {
  return (controller, file) =>
    readFile(join(cgroupFolder(version, controller, cgroupsPath), file), "utf8").catch(() => "");
}

/** "name value" lines as numbers. */
export function parseFlatKeyed(text: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [name = "", value = ""] = line.trim().split(/\s+/);
    if (name !== "" && value !== "") values[name] = Number(value);
  }
  return values;
}

/** A single number; 0 when absent, and for "max" or v1's "no limit" number 0 too. */
export function parseLimit(text: string): number {
  const value = Number(text.trim());
  return Number.isFinite(value) && value < 2 ** 60 ? value : 0;
}

/** Bytes read and written, from v1's `blkio.throttle.io_service_bytes` or v2's `io.stat`. */
export function parseBlockIo(text: string): { read: number; write: number } {
  let read = 0;
  let write = 0;
  for (const line of text.split("\n")) {
    const v1 = /^\d+:\d+ (Read|Write) (\d+)$/.exec(line);
    if (v1 !== null) {
      if (v1[1] === "Read") read += Number(v1[2]);
      else write += Number(v1[2]);
    }
    read += Number(/\brbytes=(\d+)/.exec(line)?.[1] ?? 0);
    write += Number(/\bwbytes=(\d+)/.exec(line)?.[1] ?? 0);
  }
  return { read, write };
}

/** The interfaces of a /proc/PID/net/dev text but the loopback. */
export function parseNetDev(text: string): Record<string, NetworkStats> {
  const networks: Record<string, NetworkStats> = {};
  for (const line of text.split("\n")) {
    const match = /^\s*([^:\s]+):\s*(.*)$/.exec(line);
    const name = match?.[1];
    if (name === undefined || name === "lo") continue;
    const fields = (match?.[2] ?? "").trim().split(/\s+/).map(Number);
    networks[name] = {
      receivedBytes: fields[0] ?? 0,
      receivedPackets: fields[1] ?? 0,
      sentBytes: fields[8] ?? 0,
      sentPackets: fields[9] ?? 0,
    };
  }
  return networks;
}

/** The statistics of a cgroup, on v1, v2 or hybrid hosts. */
export async function readStats(
  version: CgroupVersion,
  read: CgroupReader,
  pid: number,
  nowMs: number,
): Promise<ContainerStats> {
  const common = version === "v2" ? await readV2(read) : await readV1(read);
  const netDev = pid > 0 ? await readFile(`/proc/${pid}/net/dev`, "utf8").catch(() => "") : "";
  return { readAtMs: nowMs, ...common, networks: parseNetDev(netDev) };
}

type CgroupStats = Omit<ContainerStats, "readAtMs" | "networks">;

async function readV1(read: CgroupReader): Promise<CgroupStats> {
  const [usage, stat, limit, events, cpu, cpuStat, throttle, pids, pidsMax, io] = await Promise.all(
    [
      read("memory", "memory.usage_in_bytes"),
      read("memory", "memory.stat"),
      read("memory", "memory.limit_in_bytes"),
      read("memory", "memory.oom_control"),
      read("cpuacct", "cpuacct.usage"),
      read("cpuacct", "cpuacct.stat"),
      read("cpu", "cpu.stat"),
      read("pids", "pids.current"),
      read("pids", "pids.max"),
      read("blkio", "blkio.throttle.io_service_bytes"),
    ],
  );
  const memory = parseFlatKeyed(stat);
  const ticks = parseFlatKeyed(cpuStat);
  const throttling = parseFlatKeyed(throttle);
  const block = parseBlockIo(io);
  const inactive = memory["total_inactive_file"] ?? 0;
  const nanosPerTick = 1e7; // USER_HZ is 100 on every Linux that Node runs on.
  return {
    cpuNanos: parseLimit(cpu),
    cpuUserNanos: (ticks["user"] ?? 0) * nanosPerTick,
    cpuSystemNanos: (ticks["system"] ?? 0) * nanosPerTick,
    memoryBytes: Math.max(0, parseLimit(usage) - inactive),
    memoryLimitBytes: parseLimit(limit),
    memoryCacheBytes: memory["total_cache"] ?? 0,
    pids: parseLimit(pids),
    pidsLimit: parseLimit(pidsMax),
    blockReadBytes: block.read,
    blockWriteBytes: block.write,
    throttledPeriods: throttling["nr_throttled"] ?? 0,
    throttledNanos: throttling["throttled_time"] ?? 0,
    oomKills: parseFlatKeyed(events)["oom_kill"] ?? 0,
  };
}

async function readV2(read: CgroupReader): Promise<CgroupStats> {
  const [usage, stat, limit, events, cpu, pids, pidsMax, io] = await Promise.all([
    read("memory", "memory.current"),
    read("memory", "memory.stat"),
    read("memory", "memory.max"),
    read("memory", "memory.events"),
    read("cpu", "cpu.stat"),
    read("pids", "pids.current"),
    read("pids", "pids.max"),
    read("blkio", "io.stat"),
  ]);
  const memory = parseFlatKeyed(stat);
  const time = parseFlatKeyed(cpu);
  const block = parseBlockIo(io);
  return {
    cpuNanos: (time["usage_usec"] ?? 0) * 1000,
    cpuUserNanos: (time["user_usec"] ?? 0) * 1000,
    cpuSystemNanos: (time["system_usec"] ?? 0) * 1000,
    memoryBytes: Math.max(0, parseLimit(usage) - (memory["inactive_file"] ?? 0)),
    memoryLimitBytes: parseLimit(limit),
    memoryCacheBytes: memory["file"] ?? 0,
    pids: parseLimit(pids),
    pidsLimit: parseLimit(pidsMax),
    blockReadBytes: block.read,
    blockWriteBytes: block.write,
    throttledPeriods: time["nr_throttled"] ?? 0,
    throttledNanos: (time["throttled_usec"] ?? 0) * 1000,
    oomKills: parseFlatKeyed(events)["oom_kill"] ?? 0,
  };
}
