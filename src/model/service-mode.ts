import type { Service } from "../gen/skep/Service.ts";
import type { ServiceSpec } from "../gen/skep/ServiceSpec.ts";

/** A service, or anything else that carries a service spec. */
export interface HasServiceSpec {
  readonly spec: Service["spec"];
}

/** The mode of a spec; a spec that names none is replicated. */
export type ServiceMode = "replicated" | "global" | "replicatedJob" | "globalJob";

/** The mode that the spec asks for, also when the encoder's oneof tag is absent. */
export function serviceModeOf(spec: ServiceSpec | null): ServiceMode {
  if (spec?.global) return "global";
  if (spec?.replicatedJob) return "replicatedJob";
  if (spec?.globalJob) return "globalJob";
  return "replicated";
}

/** Keeps a wished number of tasks running. */
export function isReplicated(service: HasServiceSpec): boolean {
  return serviceModeOf(service.spec) === "replicated";
}

/** Keeps one task running on each node that fits. */
export function isGlobal(service: HasServiceSpec): boolean {
  return serviceModeOf(service.spec) === "global";
}

/** Runs a wished number of tasks to completion. */
export function isReplicatedJob(service: HasServiceSpec): boolean {
  return serviceModeOf(service.spec) === "replicatedJob";
}

/** Runs one task to completion on each node that fits. */
export function isGlobalJob(service: HasServiceSpec): boolean {
  return serviceModeOf(service.spec) === "globalJob";
}

/** Either kind of job. */
export function isJob(service: HasServiceSpec): boolean {
  return isReplicatedJob(service) || isGlobalJob(service);
}

/**
 * How many tasks should run at once: the replicas of a replicated service, the concurrency of a replicated job (its
 * completions when it names none), 0 for global services and jobs, whose number depends on the nodes.
 */
export function desiredReplicas(service: HasServiceSpec): number {
  const job = service.spec?.replicatedJob;
  if (job) return job.maxConcurrent || job.totalCompletions;
  return service.spec?.replicated?.replicas ?? 0;
}
