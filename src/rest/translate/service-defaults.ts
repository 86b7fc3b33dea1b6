import type { Duration } from "../../gen/skep/Duration.ts";
import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import type { UpdateConfig } from "../../gen/skep/UpdateConfig.ts";

const seconds = (count: number): Duration => ({ seconds: count, nanos: 0 });

const updateDefaults: UpdateConfig = {
  parallelism: 1,
  delay: seconds(0),
  failureAction: "PAUSE_UPDATE",
  monitor: seconds(5),
  maxFailureRatio: 0,
  order: "STOP_FIRST",
};

/** The spec with what the cluster assumes where nothing is said (`?insertDefaults=true`). */
export function withDefaults(spec: ServiceSpec): ServiceSpec {
  const { task } = spec;
  return {
    ...spec,
    task: task && {
      ...task,
      container: task.container && {
        ...task.container,
        stopGracePeriod: task.container.stopGracePeriod ?? seconds(10),
        dns: task.container.dns ?? { nameservers: [], search: [], options: [] },
      },
      resources: {
        limits: task.resources?.limits ?? noResources(),
        reservations: task.resources?.reservations ?? noResources(),
      },
      restart: {
        condition: task.restart?.condition ?? "RESTART_ANY",
        delay: task.restart?.delay ?? seconds(5),
        maxAttempts: task.restart?.maxAttempts ?? 0,
        window: task.restart?.window ?? null,
      },
      placement: task.placement ?? {
        constraints: [],
        preferences: [],
        platforms: [],
        maxReplicasPerNode: 0,
      },
    },
    update: updateWithDefaults(spec.update),
    rollback: updateWithDefaults(spec.rollback),
    endpoint: spec.endpoint ?? { mode: "VIP", ports: [] },
  };
}

function updateWithDefaults(update: UpdateConfig | null): UpdateConfig {
  if (update === null) return updateDefaults;
  return {
    ...update,
    delay: update.delay ?? updateDefaults.delay,
    monitor: update.monitor ?? updateDefaults.monitor,
  };
}

function noResources() {
  return { nanoCpus: 0, memoryBytes: 0, pids: 0, generic: [] };
}
