import { ClusterError } from "../../base/errors.ts";
import type { ContainerResources, ContainerSpec, MountSpec } from "../../runtime/container-spec.ts";
import type { ContainerConfig, ContainerLimits } from "./container-config.ts";
import type { HandMadeRecord } from "./hand-made-record.ts";
import { argsOf } from "./resolve-config.ts";

/** Tells the runtime's hand-made containers from those of tasks, whatever labels people give. */
export const handMadeLabel = "io.skep.hand-made";

/** The network of one run. */
export interface LaunchNetwork {
  /** Undefined with `isHost`, and for an empty namespace of its own. */
  readonly namespacePath: string | undefined;
  readonly isHost: boolean;
  readonly hosts: string;
  readonly resolvConf: string;
  /** The host's with the host's network, another container's with its network. */
  readonly hostname: string;
}

export interface PlanLaunchInput {
  readonly record: HandMadeRecord;
  readonly layerPaths: readonly string[];
  readonly mounts: readonly MountSpec[];
  readonly network: LaunchNetwork;
}

/** Pure: what the runtime must know for one run of a container. INVALID_ARGUMENT for what cannot be meant. */
export function planLaunch({
  record,
  layerPaths,
  mounts,
  network,
}: PlanLaunchInput): ContainerSpec {
  const { config, id, name } = record;
  return {
    id,
    name,
    layerPaths,
    args: argsOf(config),
    env: [...config.env],
    cwd: config.workingDir || "/",
    user: config.user,
    groups: config.groupAdd,
    hostname: network.hostname,
    tty: config.tty,
    openStdin: config.openStdin,
    // With a terminal nobody's going away ends the input, as in Docker.
    keepStdinOpen: config.tty || !config.stdinOnce,
    readOnly: config.readOnly,
    init: config.init === true,
    mounts: [...mounts, ...Object.entries(config.tmpfs).map(planTmpfs)],
    files: [],
    resources: planLimits(config.limits),
    capabilities: { add: config.capabilityAdd, drop: config.capabilityDrop },
    sysctls: sysctlsOf(config, network),
    ulimits: config.ulimits,
    ...(config.oomScoreAdj === 0 ? {} : { oomScoreAdj: config.oomScoreAdj }),
    ...(network.namespacePath === undefined ? {} : { networkNamespacePath: network.namespacePath }),
    ...(network.isHost ? { hostNetwork: true } : {}),
    etcFiles: {
      hosts: network.hosts,
      resolvConf: network.resolvConf,
      hostname: `${network.hostname}\n`,
    },
    labels: { [handMadeLabel]: "" },
    stopSignal: config.stopSignal || "SIGTERM",
    ...(config.noNewPrivileges ? { noNewPrivileges: true } : {}),
    ...(config.privileged === true ? { privileged: true } : {}),
    ...(config.devices === undefined ? {} : { devices: config.devices }),
    ...(config.hostNamespaces === undefined ? {} : { hostNamespaces: config.hostNamespaces }),
    ...(config.shmBytes > 0 ? { shmBytes: config.shmBytes } : {}),
    ...logSize(config.logOptions["max-size"] ?? ""),
  };
}

/** Pure: limits as the runtime takes them. */
export function planLimits(limits: ContainerLimits): ContainerResources {
  const { cpuPeriodUs, cpuQuotaUs } = limits;
  const byQuota = cpuQuotaUs > 0 ? Math.round((cpuQuotaUs / (cpuPeriodUs || 100_000)) * 1e9) : 0;
  const nanoCpus = limits.nanoCpus || byQuota;
  return {
    ...(limits.memoryBytes > 0 ? { memoryBytes: limits.memoryBytes } : {}),
    ...(limits.memoryReservationBytes > 0
      ? { memoryReservationBytes: limits.memoryReservationBytes }
      : {}),
    ...(limits.memorySwapBytes === 0 ? {} : { memorySwapBytes: limits.memorySwapBytes }),
    ...(nanoCpus > 0 ? { nanoCpus } : {}),
    ...(limits.cpuShares > 0 ? { cpuShares: limits.cpuShares } : {}),
    ...(limits.cpusetCpus === "" ? {} : { cpusetCpus: limits.cpusetCpus }),
    ...(limits.cpusetMems === "" ? {} : { cpusetMems: limits.cpusetMems }),
    ...(limits.pids > 0 ? { pids: limits.pids } : {}),
  };
}

function planTmpfs([target, text]: [string, string]): MountSpec {
  const options = text.split(",").filter((option) => option !== "");
  const kept = options.filter((option) => option !== "ro" && option !== "rw");
  return {
    type: "tmpfs",
    source: "",
    target,
    readOnly: options.includes("ro"),
    options: kept,
  };
}

function sysctlsOf(config: ContainerConfig, network: LaunchNetwork): Record<string, string> {
  const foreign = Object.keys(config.sysctls).find((name) => name.startsWith("net."));
  if (network.isHost && foreign !== undefined) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `sysctl "${foreign}" not allowed in host network namespace`,
    );
  }
  const domain = config.domainname === "" ? {} : { "kernel.domainname": config.domainname };
  return { ...domain, ...config.sysctls };
}

function logSize(text: string): { logMaxBytes?: number } {
  const match = /^(\d+)([kmg]?)b?$/i.exec(text);
  if (match?.[1] === undefined) return {};
  const factor = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]?.toLowerCase() ?? ""] ?? 1;
  return { logMaxBytes: Number(match[1]) * factor };
}
