import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import type { UpdateConfig } from "../../gen/skep/UpdateConfig.ts";
import {
  restartPolicyOf,
  rollbackConfigOf,
  stopGracePeriodMs,
  type UpdateConfigValues,
  updateConfigOf,
} from "../../model/defaults.ts";
import { toDuration } from "../../model/time.ts";

/** The spec with what the cluster assumes where nothing is said (`?insertDefaults=true`). */
export function withDefaults(spec: ServiceSpec): ServiceSpec {
  const { task } = spec;
  const restart = restartPolicyOf(task);
  return {
    ...spec,
    task: task && {
      ...task,
      container: task.container && {
        ...task.container,
        stopGracePeriod: toDuration(stopGracePeriodMs(task.container)),
        dns: task.container.dns ?? { nameservers: [], search: [], options: [] },
      },
      resources: {
        limits: task.resources?.limits ?? noResources(),
        reservations: task.resources?.reservations ?? noResources(),
      },
      restart: {
        condition: restart.condition,
        delay: toDuration(restart.delayMs),
        maxAttempts: restart.maxAttempts,
        window: restart.windowMs === 0 ? null : toDuration(restart.windowMs),
      },
      placement: task.placement ?? {
        constraints: [],
        preferences: [],
        platforms: [],
        maxReplicasPerNode: 0,
      },
    },
    update: updateConfig(updateConfigOf({ spec })),
    rollback: updateConfig(rollbackConfigOf({ spec })),
    endpoint: spec.endpoint ?? { mode: "VIP", ports: [] },
  };
}

function updateConfig(values: UpdateConfigValues): UpdateConfig {
  return {
    parallelism: values.parallelism,
    delay: toDuration(values.delayMs),
    failureAction: values.failureAction,
    monitor: toDuration(values.monitorMs),
    maxFailureRatio: values.maxFailureRatio,
    order: values.order,
  };
}

function noResources() {
  return { nanoCpus: 0, memoryBytes: 0, pids: 0, generic: [] };
}
