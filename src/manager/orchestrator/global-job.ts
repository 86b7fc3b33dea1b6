import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { Action } from "./actions.ts";
import { eligibleNodes, isPaused, leaveNode, type NodeList } from "./global.ts";
import { createTask, type DecisionContext } from "./new-task.ts";
import { ofIteration } from "./replicated-job.ts";
import { isCompleted, nodePlace, type Slot, slotsOf } from "./slots.ts";
import { tendSlot } from "./tend-slot.ts";

/** The next step of a global job: one completed task on each eligible node, also on those that join later. */
export function reconcileGlobalJob(
  service: Service,
  tasks: Iterable<Task>,
  nodes: NodeList,
  context: DecisionContext,
): Action[] {
  const { current, actions } = ofIteration(service, tasks);
  const slots = slotsOf(service, current, nodes, nodePlace);
  const covered = new Set(slots.map((slot) => slot.place.nodeId));
  const eligible = eligibleNodes(service, nodes);
  const rules = {
    goal: "COMPLETE",
    startFirst: false,
    mayCreate: (slot: Slot) => !isPaused(nodes.get(slot.place.nodeId)),
  } as const;
  for (const slot of slots) {
    if (isCompleted(slot)) continue;
    if (eligible.has(slot.place.nodeId))
      actions.push(...tendSlot(service, slot, nodes, rules, context));
    else actions.push(...leaveNode(slot));
  }
  for (const node of eligible.values()) {
    if (isPaused(node) || covered.has(node.id)) continue;
    actions.push(createTask(service, { slot: 0, nodeId: node.id }, "COMPLETE", context));
  }
  return actions;
}
