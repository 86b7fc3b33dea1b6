import type { Cluster } from "../gen/skep/Cluster.ts";
import type { ContainerSpec } from "../gen/skep/ContainerSpec.ts";
import type { FailureAction } from "../gen/skep/FailureAction.ts";
import type { HealthConfig } from "../gen/skep/HealthConfig.ts";
import type { RestartCondition } from "../gen/skep/RestartCondition.ts";
import type { TaskSpec } from "../gen/skep/TaskSpec.ts";
import type { UpdateConfig } from "../gen/skep/UpdateConfig.ts";
import type { UpdateOrder } from "../gen/skep/UpdateOrder.ts";
import type { HasServiceSpec } from "./service-mode.ts";
import { durationMs } from "./time.ts";

// Values as Docker documents them for `docker service create` and `docker swarm init`.
const restartDelayMs = 5_000;
const updateMonitorMs = 5_000;
const stopGraceMs = 10_000;
const heartbeatPeriodMs = 5_000;
const nodeCertExpiryMs = 90 * 24 * 3_600_000;
const taskHistoryLimit = 5;

/** Where the subnets of networks are cut from, CIDR each, and the prefix of each subnet, when the swarm was made without. */
export const defaultAddressPools: readonly string[] = ["10.0.0.0/8"];
export const defaultSubnetSize = 24;
/** UDP, of the traffic between containers (IANA: VXLAN). */
export const defaultVxlanPort = 4_789;

/** A restart policy with every field decided. */
export interface RestartPolicyValues {
  readonly condition: RestartCondition;
  /** Least time between the end of a task and the start of the next one. */
  readonly delayMs: number;
  /** 0 = no limit. */
  readonly maxAttempts: number;
  /** Only attempts this recent count; 0 = all. */
  readonly windowMs: number;
}

/** How tasks of this spec are restarted. */
export function restartPolicyOf(spec: Pick<TaskSpec, "restart"> | null): RestartPolicyValues {
  const policy = spec?.restart;
  return {
    condition: policy?.condition ?? "RESTART_ANY",
    delayMs: durationMs(policy?.delay, restartDelayMs),
    maxAttempts: policy?.maxAttempts ?? 0,
    windowMs: durationMs(policy?.window, 0),
  };
}

/** An update configuration with every field decided. */
export interface UpdateConfigValues {
  /** Slots updated at once; 0 = all. */
  readonly parallelism: number;
  readonly delayMs: number;
  readonly failureAction: FailureAction;
  /** How long after its start a task's failure still counts against the update. */
  readonly monitorMs: number;
  /** 0 = no failure is tolerated. */
  readonly maxFailureRatio: number;
  readonly order: UpdateOrder;
}

/** How the service is updated. */
export function updateConfigOf(service: HasServiceSpec): UpdateConfigValues {
  return updateValues(service.spec?.update);
}

/** How the service is rolled back. */
export function rollbackConfigOf(service: HasServiceSpec): UpdateConfigValues {
  return updateValues(service.spec?.rollback);
}

/** How long a stop signal may take before the kill, in milliseconds. */
export function stopGracePeriodMs(
  container: Pick<ContainerSpec, "stopGracePeriod"> | null,
): number {
  return durationMs(container?.stopGracePeriod, stopGraceMs);
}

/** A health check with every number decided; Docker's reference for HEALTHCHECK. 0 means the default. */
export interface HealthCheckValues {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

/** How often and how patiently the check runs. */
export function healthCheckOf(config: HealthConfig): HealthCheckValues {
  return {
    intervalMs: durationMs(config.interval, 0) || 30_000,
    timeoutMs: durationMs(config.timeout, 0) || 30_000,
    retries: config.retries || 3,
    startPeriodMs: durationMs(config.startPeriod, 0),
    startIntervalMs: durationMs(config.startInterval, 0) || 5_000,
  };
}

/** Cluster settings with every field decided. */
export interface ClusterValues {
  /** Dead tasks kept per slot; negative = all. */
  readonly taskHistoryLimit: number;
  readonly heartbeatPeriodMs: number;
  readonly nodeCertExpiryMs: number;
}

/** The settings in force; `undefined` stands for a cluster that is not there yet. */
export function clusterSettingsOf(cluster: Pick<Cluster, "spec"> | undefined): ClusterValues {
  const spec = cluster?.spec;
  return {
    taskHistoryLimit: spec?.orchestration?.taskHistoryRetentionLimit ?? taskHistoryLimit,
    heartbeatPeriodMs: durationMs(spec?.dispatcher?.heartbeatPeriod, 0) || heartbeatPeriodMs,
    nodeCertExpiryMs: durationMs(spec?.ca?.nodeCertExpiry, 0) || nodeCertExpiryMs,
  };
}

function updateValues(config: UpdateConfig | null | undefined): UpdateConfigValues {
  return {
    parallelism: config?.parallelism ?? 1,
    delayMs: durationMs(config?.delay, 0),
    failureAction: config?.failureAction ?? "PAUSE_UPDATE",
    monitorMs: durationMs(config?.monitor, updateMonitorMs),
    maxFailureRatio: config?.maxFailureRatio ?? 0,
    order: config?.order ?? "STOP_FIRST",
  };
}
