import type { GenericResource } from "../../gen/skep/GenericResource.ts";
import type { Node } from "../../gen/skep/Node.ts";
import type { Resources } from "../../gen/skep/Resources.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { matchesConstraints, parseConstraint } from "../../model/constraint.ts";
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
  const free = freeOf(node.description?.resources ?? null);
  const actions: Action[] = [];
  // The oldest keep their place.
  for (const task of held.sort(byAge)) {
    const constraints = (task.spec?.placement?.constraints ?? []).map(parseConstraint);
    if (matchesConstraints(constraints, node) && take(free, task.spec?.resources?.reservations)) {
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
function freeOf(resources: Resources | null): Free | undefined {
  if (resources === null) return undefined;
  return {
    nanoCpus: resources.nanoCpus,
    memoryBytes: resources.memoryBytes,
    generic: countGeneric(resources.generic),
  };
}

/** Takes a reservation out of what is free; false, taking nothing, when it does not fit. */
function take(free: Free | undefined, reserved: Resources | null | undefined): boolean {
  if (free === undefined || !reserved) return true;
  const generic = countGeneric(reserved.generic);
  if (reserved.nanoCpus > free.nanoCpus || reserved.memoryBytes > free.memoryBytes) return false;
  for (const [kind, count] of generic) if (count > (free.generic.get(kind) ?? 0)) return false;
  free.nanoCpus -= reserved.nanoCpus;
  free.memoryBytes -= reserved.memoryBytes;
  for (const [kind, count] of generic) {
    free.generic.set(kind, (free.generic.get(kind) ?? 0) - count);
  }
  return true;
}

function countGeneric(resources: readonly GenericResource[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { named, discrete } of resources) {
    if (named) counts.set(named.kind, (counts.get(named.kind) ?? 0) + 1);
    if (discrete) counts.set(discrete.kind, (counts.get(discrete.kind) ?? 0) + discrete.value);
  }
  return counts;
}
