import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { awaitsFirstRun } from "../../model/job-schedule.ts";
import { serviceModeOf } from "../../model/service-mode.ts";
import type { Action } from "./actions.ts";
import { type NodeList, reconcileGlobal } from "./global.ts";
import { reconcileGlobalJob } from "./global-job.ts";
import type { DecisionContext } from "./new-task.ts";
import { removeServiceStep, removeTasks } from "./removal.ts";
import { reconcileReplicated } from "./replicated.ts";
import { reconcileReplicatedJob } from "./replicated-job.ts";

/**
 * The one decision about a service: what to do next, given all its tasks. Only this creates tasks and sets desired states, so no two
 * orchestrators ever pull at the same task. Applying the actions and deciding again comes to rest.
 */
export function reconcileService(
  service: Service | undefined,
  tasks: Iterable<Task>,
  nodes: NodeList,
  context: DecisionContext,
): Action[] {
  if (service === undefined) return removeTasks(tasks);
  if (service.pendingDelete) return removeServiceStep(service, tasks, nodes);
  switch (serviceModeOf(service.spec)) {
    case "replicated":
      return reconcileReplicated(service, tasks, nodes, context);
    case "global":
      return reconcileGlobal(service, tasks, nodes, context);
    case "replicatedJob":
      if (awaitsFirstRun(service)) return [];
      return reconcileReplicatedJob(service, tasks, nodes, context);
    case "globalJob":
      if (awaitsFirstRun(service)) return [];
      return reconcileGlobalJob(service, tasks, nodes, context);
  }
}
