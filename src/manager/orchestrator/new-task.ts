import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { isJob } from "../../model/service-mode.ts";
import { toTimestamp } from "../../model/time.ts";
import type { Action, DesiredState } from "./actions.ts";

/** What a decision is given beside the objects: time, ids and the cluster's default log driver. */
export interface DecisionContext {
  readonly nowMs: number;
  newId(): string;
  readonly logDriver?: Task["logDriver"];
}

/** Where a new task belongs: a slot of a replicated service, or a node of a global one (slot 0). */
export interface TaskPlace {
  readonly slot: number;
  readonly nodeId: string;
}

/** A task in state NEW made from the service's current spec. */
export function createTask(
  service: Service,
  place: TaskPlace,
  desired: DesiredState,
  context: DecisionContext,
): Action {
  return {
    kind: "createTask",
    task: {
      id: context.newId(),
      meta: null,
      spec: service.spec?.task ?? null,
      specVersion: service.specVersion,
      serviceId: service.id,
      slot: place.slot,
      nodeId: place.nodeId,
      annotations: null,
      serviceAnnotations: service.spec?.annotations ?? null,
      status: {
        timestamp: toTimestamp(context.nowMs),
        state: "NEW",
        message: "created",
        err: "",
        container: null,
        portStatus: null,
        appliedBy: "",
        appliedAt: null,
        runningAt: null,
      },
      desiredState: desired,
      networks: [],
      endpoint: null,
      logDriver: service.spec?.task?.logDriver ?? context.logDriver ?? null,
      assignedGenericResources: [],
      moving: false,
      jobIteration: isJob(service) ? { index: jobIterationOf(service) } : null,
    },
  };
}

/** Which run of a job its tasks belong to now; each update of the service starts another. */
export function jobIterationOf(owner: { readonly jobStatus: Service["jobStatus"] }): number {
  return owner.jobStatus?.jobIteration?.index ?? 0;
}
