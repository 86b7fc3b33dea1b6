import type { ContainerData, ContainerStatsData } from "../backend/containers.ts";
import { millisJson, zeroTime } from "./time.ts";

/** One sample of GET /containers/{id}/stats; `previous` is the sample before it. */
export function statsJson(
  container: ContainerData,
  stats: ContainerStatsData,
  previous: ContainerStatsData | undefined,
): object {
  return {
    name: `/${container.name}`,
    id: container.id,
    read: millisJson(stats.readAtMs),
    preread: previous === undefined ? zeroTime : millisJson(previous.readAtMs),
    num_procs: 0,
    cpu_stats: cpuJson(stats),
    precpu_stats: previous === undefined ? cpuJson(noStats) : cpuJson(previous),
    memory_stats: {
      usage: stats.memoryUsageBytes,
      stats: { inactive_file: stats.memoryInactiveFileBytes },
      limit: stats.memoryLimitBytes,
    },
    pids_stats: {
      current: stats.pids,
      ...(stats.pidsLimit === 0 ? {} : { limit: stats.pidsLimit }),
    },
    blkio_stats: {
      io_service_bytes_recursive: [
        { major: 0, minor: 0, op: "read", value: stats.blockReadBytes },
        { major: 0, minor: 0, op: "write", value: stats.blockWriteBytes },
      ],
    },
    networks: Object.fromEntries(
      stats.networks.map((network) => [
        network.name,
        {
          rx_bytes: network.receivedBytes,
          rx_packets: network.receivedPackets,
          rx_errors: 0,
          rx_dropped: 0,
          tx_bytes: network.sentBytes,
          tx_packets: network.sentPackets,
          tx_errors: 0,
          tx_dropped: 0,
        },
      ]),
    ),
    storage_stats: {},
  };
}

type CpuStats = Pick<
  ContainerStatsData,
  "cpuTotalNanos" | "cpuUserNanos" | "cpuKernelNanos" | "systemCpuNanos" | "onlineCpus"
>;

const noStats: CpuStats = {
  cpuTotalNanos: 0,
  cpuUserNanos: 0,
  cpuKernelNanos: 0,
  systemCpuNanos: 0,
  onlineCpus: 0,
};

function cpuJson(stats: CpuStats): object {
  return {
    cpu_usage: {
      total_usage: stats.cpuTotalNanos,
      usage_in_usermode: stats.cpuUserNanos,
      usage_in_kernelmode: stats.cpuKernelNanos,
    },
    system_cpu_usage: stats.systemCpuNanos,
    online_cpus: stats.onlineCpus,
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  };
}
