import type { ResourcesJson, TaskSpecJson, UpdateConfigJson } from "../../rest/wire/service.ts";
import {
  parseBytes,
  parseChoice,
  parseCount,
  parseCpus,
  parseDuration,
  parseLabels,
  parseRatio,
} from "../values.ts";
import type { ServiceFlags } from "./flags.ts";

/** Sets what the flags common to create and update say of resources, restarts, placement and logs. */
export function applyTaskFlags(task: TaskSpecJson, flags: ServiceFlags): void {
  applyResources(task, flags);
  applyRestartFlags(task, flags);
  if (flags.replicasMaxPerNode !== undefined) {
    const MaxReplicas = parseCount("--replicas-max-per-node", flags.replicasMaxPerNode);
    task.Placement = { ...task.Placement, MaxReplicas };
  }
  if (flags.logDriver !== undefined || flags.logOpt !== undefined) {
    task.LogDriver = {
      Name: flags.logDriver ?? task.LogDriver?.Name ?? "",
      Options: { ...task.LogDriver?.Options, ...parseLabels("--log-opt", flags.logOpt ?? []) },
    };
  }
}

function applyResources(task: TaskSpecJson, flags: ServiceFlags): void {
  const limits: ResourcesJson = { ...task.Resources?.Limits };
  const reservations: ResourcesJson = { ...task.Resources?.Reservations };
  if (flags.limitCpu !== undefined) limits.NanoCPUs = parseCpus("--limit-cpu", flags.limitCpu);
  if (flags.limitMemory !== undefined) {
    limits.MemoryBytes = parseBytes("--limit-memory", flags.limitMemory);
  }
  if (flags.limitPids !== undefined) limits.Pids = parseCount("--limit-pids", flags.limitPids);
  if (flags.reserveCpu !== undefined) {
    reservations.NanoCPUs = parseCpus("--reserve-cpu", flags.reserveCpu);
  }
  if (flags.reserveMemory !== undefined) {
    reservations.MemoryBytes = parseBytes("--reserve-memory", flags.reserveMemory);
  }
  if (Object.keys({ ...limits, ...reservations }).length > 0) {
    task.Resources = { Limits: limits, Reservations: reservations };
  }
}

function applyRestartFlags(task: TaskSpecJson, flags: ServiceFlags): void {
  const policy = { ...task.RestartPolicy };
  if (flags.restartCondition !== undefined) {
    policy.Condition = parseChoice("--restart-condition", flags.restartCondition, [
      "none",
      "on-failure",
      "any",
    ]);
  }
  if (flags.restartDelay !== undefined) {
    policy.Delay = parseDuration("--restart-delay", flags.restartDelay);
  }
  if (flags.restartMaxAttempts !== undefined) {
    policy.MaxAttempts = parseCount("--restart-max-attempts", flags.restartMaxAttempts);
  }
  if (flags.restartWindow !== undefined) {
    policy.Window = parseDuration("--restart-window", flags.restartWindow);
  }
  if (Object.keys(policy).length > 0) task.RestartPolicy = policy;
}

/** What `--update-*` or `--rollback-*` say; undefined when none is given. */
export function updateConfigOf(
  kind: "update" | "rollback",
  flags: ServiceFlags,
  before: UpdateConfigJson | undefined,
): UpdateConfigJson | undefined {
  const flag = (name: string): string => `--${kind}-${name}`;
  const given = {
    parallelism: flags[`${kind}Parallelism`],
    delay: flags[`${kind}Delay`],
    monitor: flags[`${kind}Monitor`],
    ratio: flags[`${kind}MaxFailureRatio`],
    action: flags[`${kind}FailureAction`],
    order: flags[`${kind}Order`],
  };
  if (Object.values(given).every((value) => value === undefined)) return undefined;
  const config: UpdateConfigJson = {
    Parallelism: 1,
    FailureAction: "pause",
    Monitor: 5e9,
    MaxFailureRatio: 0,
    Order: "stop-first",
    ...before,
  };
  if (given.parallelism !== undefined) {
    config.Parallelism = parseCount(flag("parallelism"), given.parallelism);
  }
  if (given.delay !== undefined) config.Delay = parseDuration(flag("delay"), given.delay);
  if (given.monitor !== undefined) config.Monitor = parseDuration(flag("monitor"), given.monitor);
  if (given.ratio !== undefined) {
    config.MaxFailureRatio = parseRatio(flag("max-failure-ratio"), given.ratio);
  }
  if (given.order !== undefined) {
    config.Order = parseChoice(flag("order"), given.order, ["stop-first", "start-first"]);
  }
  if (given.action !== undefined) {
    const choices: readonly ("pause" | "continue" | "rollback")[] =
      kind === "update" ? ["pause", "continue", "rollback"] : ["pause", "continue"];
    config.FailureAction = parseChoice(flag("failure-action"), given.action, choices);
  }
  return config;
}
