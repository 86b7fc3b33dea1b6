import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { Action } from "./actions.ts";
import { cannotAnswer, type NodeLookup } from "./task-facts.ts";

/**
 * The next step of a service that is to go: every task is told to go, and once all are gone, so is the object. Tasks on nodes that
 * cannot answer do not hold it up: they are reaped when the node returns or is given up.
 */
export function removeServiceStep(
  service: Service,
  tasks: Iterable<Task>,
  nodes: NodeLookup,
): Action[] {
  const actions = removeTasks(tasks);
  const all = [...tasks];
  if (actions.length === 0 && all.every((task) => cannotAnswer(task, nodes))) {
    actions.push({ kind: "removeService", serviceId: service.id });
  }
  return actions;
}

/** Tells all tasks to go. */
export function removeTasks(tasks: Iterable<Task>): Action[] {
  const actions: Action[] = [];
  for (const task of tasks) {
    if (task.desiredState !== "REMOVE") {
      actions.push({ kind: "setDesired", taskId: task.id, desired: "REMOVE" });
    }
  }
  return actions;
}
