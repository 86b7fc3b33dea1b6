import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { desiredReplicas } from "../../model/service-mode.ts";
import type { Action } from "./actions.ts";
import { createTask, type DecisionContext, jobIterationOf } from "./new-task.ts";
import { lowestFree } from "./scale.ts";
import { isCompleted, numberedPlace, slotsOf } from "./slots.ts";
import type { NodeLookup } from "./task-facts.ts";
import { tendSlot } from "./tend-slot.ts";

const jobRules = { goal: "COMPLETE", startFirst: false, mayCreate: () => true } as const;

/**
 * The next step of a replicated job: until `total_completions` slots (numbered from 0) have a task that completed, at most
 * `max_concurrent` at a time. Tasks of earlier iterations go.
 */
export function reconcileReplicatedJob(
  service: Service,
  tasks: Iterable<Task>,
  nodes: NodeLookup,
  context: DecisionContext,
): Action[] {
  const { current, actions } = ofIteration(service, tasks);
  const slots = slotsOf(service, current, nodes, numberedPlace);
  const total = service.spec?.replicatedJob?.totalCompletions ?? 0;
  const concurrent = desiredReplicas(service) ?? 0;
  let running = 0;
  for (const slot of slots) {
    if (isCompleted(slot)) continue;
    if (!slot.finished) running += 1;
    actions.push(...tendSlot(service, slot, nodes, jobRules, context));
  }
  const count = Math.max(0, Math.min(concurrent - running, total - slots.length));
  const taken = new Set(slots.map((slot) => slot.place.slot));
  for (const number of lowestFree(taken, count, 0)) {
    actions.push(createTask(service, { slot: number, nodeId: "" }, "COMPLETE", context));
  }
  return actions;
}

/** Splits a job's tasks: those of this iteration, and actions that remove those of others. */
export function ofIteration(
  service: Service,
  tasks: Iterable<Task>,
): { current: Task[]; actions: Action[] } {
  const iteration = jobIterationOf(service);
  const current: Task[] = [];
  const actions: Action[] = [];
  for (const task of tasks) {
    if ((task.jobIteration?.index ?? 0) === iteration) current.push(task);
    else if (task.desiredState !== "REMOVE") {
      actions.push({ kind: "setDesired", taskId: task.id, desired: "REMOVE" });
    }
  }
  return { current, actions };
}
