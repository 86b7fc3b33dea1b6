import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { desiredReplicas } from "../../model/service-mode.ts";
import type { Action } from "./actions.ts";
import { createTask, type DecisionContext } from "./new-task.ts";
import { lowestFree, scaleDownVictims } from "./scale.ts";
import { isOccupied, numberedPlace, type Slot, slotsOf } from "./slots.ts";
import type { NodeLookup } from "./task-facts.ts";
import { tendSlot } from "./tend-slot.ts";
import { isStartFirst, planUpdate } from "./update.ts";

/** The next step of a replicated service: its number of slots, each slot's task, then the rolling update. */
export function reconcileReplicated(
  service: Service,
  tasks: Iterable<Task>,
  nodes: NodeLookup,
  context: DecisionContext,
): Action[] {
  const slots = slotsOf(service, tasks, nodes, numberedPlace);
  const replicas = desiredReplicas(service) ?? 0;
  const victims = new Set(scaleDownVictims(slots, slots.length - replicas));
  const actions: Action[] = [...victims].flatMap(removeSlot);

  const kept = slots
    .filter((slot) => !victims.has(slot))
    .sort((a, b) => a.place.slot - b.place.slot);
  const rules = {
    goal: "RUNNING",
    startFirst: isStartFirst(service),
    mayCreate: () => true,
  } as const;
  for (const slot of kept) actions.push(...tendSlot(service, slot, nodes, rules, context));

  const taken = new Set(kept.map((slot) => slot.place.slot));
  for (const number of lowestFree(taken, Math.max(0, replicas - kept.length), 1)) {
    actions.push(createTask(service, { slot: number, nodeId: "" }, "RUNNING", context));
  }
  actions.push(...planUpdate(service, kept, isOccupied, context));
  return actions;
}

/** Takes a slot with all its history out of the service. */
export function removeSlot(slot: Slot): Action[] {
  return slot.tasks.map((task) => ({ kind: "setDesired", taskId: task.id, desired: "REMOVE" }));
}
