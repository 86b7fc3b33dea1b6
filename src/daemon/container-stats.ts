import { type CpuInfo, cpus, totalmem } from "node:os";
import type { ContainerStatsData } from "../rest/backend/containers.ts";
import type { ContainerStats } from "../runtime/stats.ts";

/** A container's use of resources as REST shows it, beside the host's. */
export function statsData(stats: ContainerStats): ContainerStatsData {
  return {
    readAtMs: stats.readAtMs,
    cpuTotalNanos: stats.cpuNanos,
    cpuUserNanos: stats.cpuUserNanos,
    cpuKernelNanos: stats.cpuSystemNanos,
    systemCpuNanos: cpus().reduce((sum, { times }) => sum + totalMs(times), 0) * 1e6,
    onlineCpus: cpus().length,
    memoryUsageBytes: stats.memoryBytes + stats.memoryCacheBytes,
    memoryInactiveFileBytes: stats.memoryCacheBytes,
    memoryLimitBytes: stats.memoryLimitBytes || totalmem(),
    pids: stats.pids,
    pidsLimit: stats.pidsLimit,
    blockReadBytes: stats.blockReadBytes,
    blockWriteBytes: stats.blockWriteBytes,
    networks: Object.entries(stats.networks).map(([name, counters]) => ({ name, ...counters })),
  };
}

function totalMs(times: CpuInfo["times"]): number {
  return times.user + times.nice + times.sys + times.idle + times.irq;
}
