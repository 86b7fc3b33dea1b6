import type { Node } from "../../gen/skep/Node.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { matchesConstraints, parseConstraint } from "../../model/constraint.ts";
import type { Action } from "./actions.ts";
import { createTask, type DecisionContext } from "./new-task.ts";
import { isOccupied, nodePlace, type Slot, slotsOf } from "./slots.ts";
import { keepsTasks, type NodeLookup, stopTask } from "./task-facts.ts";
import { tendSlot } from "./tend-slot.ts";
import { isStartFirst, planUpdate } from "./update.ts";

/** Nodes that a decision can also walk through. */
export interface NodeList extends NodeLookup {
  all(): Iterable<Node>;
}

/** The next step of a global service: one task on each node that keeps tasks and meets the constraints. */
export function reconcileGlobal(
  service: Service,
  tasks: Iterable<Task>,
  nodes: NodeList,
  context: DecisionContext,
): Action[] {
  const slots = slotsOf(service, tasks, nodes, nodePlace);
  const slotByNode = new Map(slots.map((slot) => [slot.place.nodeId, slot]));
  const eligible = eligibleNodes(service, nodes);
  const actions: Action[] = [];
  const rules = {
    goal: "RUNNING",
    startFirst: isStartFirst(service),
    mayCreate: (slot: Slot) => !isPaused(nodes.get(slot.place.nodeId)),
  } as const;
  for (const slot of slots) {
    if (eligible.has(slot.place.nodeId))
      actions.push(...tendSlot(service, slot, nodes, rules, context));
    else actions.push(...leaveNode(slot));
  }
  for (const node of eligible.values()) {
    if (isPaused(node) || slotByNode.has(node.id)) continue;
    actions.push(createTask(service, { slot: 0, nodeId: node.id }, "RUNNING", context));
  }
  const kept = slots.filter((slot) => eligible.has(slot.place.nodeId));
  const mayUpdate = (slot: Slot) => isOccupied(slot) && !isPaused(nodes.get(slot.place.nodeId));
  actions.push(...planUpdate(service, kept, mayUpdate, context));
  return actions;
}

/** The nodes that a global service or job covers, paused ones (which get nothing new) included, by id. */
export function eligibleNodes(service: Service, nodes: NodeList): Map<string, Node> {
  const constraints = (service.spec?.task?.placement?.constraints ?? []).map(parseConstraint);
  const eligible = new Map<string, Node>();
  for (const node of nodes.all()) {
    if (keepsTasks(node) && matchesConstraints(constraints, node)) eligible.set(node.id, node);
  }
  return eligible;
}

/** A node that keeps what it has but takes nothing new. */
export function isPaused(node: Node | undefined): boolean {
  return node?.spec?.availability === "PAUSE";
}

/** Stops what is wanted on a node that the service no longer covers. */
export function leaveNode(slot: Slot): Action[] {
  return [...slot.lost, ...slot.clean, ...slot.dirty].map(stopTask);
}
