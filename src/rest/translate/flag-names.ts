/**
 * The flags of the docker CLI that set a field of a body, where the CLI sends their values on without a look: a person who typed
 * the flag shall find it in the error. Fields of services, nodes and the swarm, then those of containers (Docker CLI 28, reference).
 */
const flags: Readonly<Record<string, string>> = {
  Availability: "--availability",
  Role: "--role",
  SubnetSize: "--default-addr-pool-mask-length",
  DataPathPort: "--data-path-port",
  "Orchestration.TaskHistoryRetentionLimit": "--task-history-limit",
  "Raft.SnapshotInterval": "--snapshot-interval",
  "Raft.KeepOldSnapshots": "--max-snapshots",
  "Dispatcher.HeartbeatPeriod": "--dispatcher-heartbeat",
  "CAConfig.NodeCertExpiry": "--cert-expiry",

  "Mode.Replicated.Replicas": "--replicas",
  "Mode.ReplicatedJob.MaxConcurrent": "--max-concurrent",
  "Mode.ReplicatedJob.TotalCompletions": "--replicas",
  "EndpointSpec.Mode": "--endpoint-mode",
  ...updateFlags("UpdateConfig", "--update"),
  ...updateFlags("RollbackConfig", "--rollback"),
  "TaskTemplate.RestartPolicy.Condition": "--restart-condition",
  "TaskTemplate.RestartPolicy.Delay": "--restart-delay",
  "TaskTemplate.RestartPolicy.MaxAttempts": "--restart-max-attempts",
  "TaskTemplate.RestartPolicy.Window": "--restart-window",
  "TaskTemplate.Placement.MaxReplicas": "--replicas-max-per-node",
  "TaskTemplate.Resources.Limits.NanoCPUs": "--limit-cpu",
  "TaskTemplate.Resources.Limits.MemoryBytes": "--limit-memory",
  "TaskTemplate.Resources.Limits.Pids": "--limit-pids",
  "TaskTemplate.Resources.Reservations.NanoCPUs": "--reserve-cpu",
  "TaskTemplate.Resources.Reservations.MemoryBytes": "--reserve-memory",
  "TaskTemplate.Resources.Reservations.GenericResources.DiscreteResourceSpec.Value":
    "--generic-resource",
  "TaskTemplate.ContainerSpec.StopGracePeriod": "--stop-grace-period",
  "TaskTemplate.ContainerSpec.OomScoreAdj": "--oom-score-adj",
  "TaskTemplate.ContainerSpec.Mounts.Type": "--mount",
  "TaskTemplate.ContainerSpec.Mounts.TmpfsOptions.SizeBytes": "--mount",
  "TaskTemplate.ContainerSpec.Mounts.TmpfsOptions.Mode": "--mount",
  "TaskTemplate.ContainerSpec.Ulimits.Soft": "--ulimit",
  "TaskTemplate.ContainerSpec.Ulimits.Hard": "--ulimit",
  "TaskTemplate.ContainerSpec.Secrets.File.Mode": "--secret",
  "TaskTemplate.ContainerSpec.Configs.File.Mode": "--config",
  ...healthFlags("TaskTemplate.ContainerSpec.Healthcheck"),

  StopTimeout: "--stop-timeout",
  ...healthFlags("Healthcheck"),
  Memory: "--memory",
  MemoryReservation: "--memory-reservation",
  MemorySwap: "--memory-swap",
  NanoCpus: "--cpus",
  CpuShares: "--cpu-shares",
  CpuPeriod: "--cpu-period",
  CpuQuota: "--cpu-quota",
  PidsLimit: "--pids-limit",
  OomScoreAdj: "--oom-score-adj",
  ShmSize: "--shm-size",
  "RestartPolicy.Name": "--restart",
  "RestartPolicy.MaximumRetryCount": "--restart",
  "Mounts.Type": "--mount",
};

/** Pure: a field as an error names it, by its flag too where there is one: "--update-order (UpdateConfig.Order)". */
export function fieldWithFlag(path: string): string {
  const flag = flags[path.replaceAll(/\[\d+\]/g, "").replace(/^(?:Spec|HostConfig)\./, "")];
  return flag === undefined ? path : `${flag} (${path})`;
}

function updateFlags(field: string, flag: string): Record<string, string> {
  return {
    [`${field}.Parallelism`]: `${flag}-parallelism`,
    [`${field}.Delay`]: `${flag}-delay`,
    [`${field}.FailureAction`]: `${flag}-failure-action`,
    [`${field}.Monitor`]: `${flag}-monitor`,
    [`${field}.MaxFailureRatio`]: `${flag}-max-failure-ratio`,
    [`${field}.Order`]: `${flag}-order`,
  };
}

function healthFlags(field: string): Record<string, string> {
  return {
    [`${field}.Interval`]: "--health-interval",
    [`${field}.Timeout`]: "--health-timeout",
    [`${field}.Retries`]: "--health-retries",
    [`${field}.StartPeriod`]: "--health-start-period",
    [`${field}.StartInterval`]: "--health-start-interval",
  };
}
