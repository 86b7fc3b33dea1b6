import type { Node } from "../../gen/skep/Node.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { matchesConstraints, parseConstraint } from "../../model/constraint.ts";
import { amountsOf, reservationsOf } from "../../model/resources.ts";
import type { Action } from "./actions.ts";
import { byAge, hasEnded, isUnassigned, isWanted, keepsTasks } from "./task-facts.ts";

/**
 * Error of a task that the manager rejected because its node changed. The task may still be running when it says so: the
 * node learns of it by the desired state that follows.
 */
export const noLongerFits = "assigned node no longer meets constraints";

/** Rejects the tasks that a node may no longer hold: constraints broken, or more reserved than the node now has. */
export function enforceConstraints(node: Node, tasks: Iterable<Task>): Action[] {
  if (!keepsTasks(node)) return [];
  const held = [...tasks].filter(
    (task) => isWanted(task) && !hasEnded(task) && !isUnassigned(task),
  );
  const free = freeOf(node);
  const actions: Action[] = [];
  // The oldest keep their place.
  for (const task of held.sort(byAge)) {
    const constraints = (task.spec?.placement?.constraints ?? []).map(parseConstraint);
    if (matchesConstraints(constraints, node) && take(free, task)) {
      continue;
    }
    actions.push({
      kind: "setObserved",
      taskId: task.id,
      state: "REJECTED",
      message: noLongerFits,
      err: noLongerFits,
    });
  }
  return actions;
}

interface Free {
  nanoCpus: number;
  memoryBytes: number;
  readonly generic: Map<string, number>;
}

/** Undefined while the node has not described itself. */
function freeOf(node: Node): Free | undefined {
  const resources = node.description?.resources;
  if (!resources) return undefined;
  const { nanoCpus, memoryBytes, generic } = amountsOf(resources);
  return { nanoCpus, memoryBytes, generic: new Map(generic) };
}

/** Takes a task's reservation out of what is free; false, taking nothing, when it does not fit. */
function take(free: Free | undefined, task: Task): boolean {
  if (free === undefined) return true;
  const { nanoCpus, memoryBytes, generic } = reservationsOf(task);
  // A task that reserves nothing of a kind always fits, however much others were promised.
  if (nanoCpus > 0 && nanoCpus > free.nanoCpus) return false;
  if (memoryBytes > 0 && memoryBytes > free.memoryBytes) return false;
  for (const [kind, count] of generic) if (count > (free.generic.get(kind) ?? 0)) return false;
  free.nanoCpus -= nanoCpus;
  free.memoryBytes -= memoryBytes;
  for (const [kind, count] of generic) {
    free.generic.set(kind, (free.generic.get(kind) ?? 0) - count);
  }
  return true;
}
