import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { Action } from "./actions.ts";
import { createTask, type DecisionContext } from "./new-task.ts";
import { promotionTimeMs, successionTimeMs } from "./restart-policy.ts";
import { isMoving, isOccupied, type Slot } from "./slots.ts";
import { type NodeLookup, observedState, stopTask } from "./task-facts.ts";

/** How a service wants its slots tended. */
export interface TendRules {
  /** What a task of the service is there for. */
  readonly goal: "RUNNING" | "COMPLETE";
  readonly startFirst: boolean;
  /** Whether an empty slot may get a successor now (a global service's node may be paused). */
  mayCreate(slot: Slot): boolean;
}

/**
 * The restart supervisor: keeps one slot at exactly one live task. Lost tasks are told to stop and get a successor in desired
 * READY, waiting successors are let go, and of several live tasks the better one stays.
 */
export function tendSlot(
  service: Service,
  slot: Slot,
  nodes: NodeLookup,
  rules: TendRules,
  context: DecisionContext,
): Action[] {
  const actions: Action[] = slot.lost.map(stopTask);
  if (!isOccupied(slot)) {
    if (slot.finished || !rules.mayCreate(slot)) return actions;
    const atMs = successionTimeMs(slot.tasks.at(-1), service.specVersion?.index ?? 0);
    if (atMs > context.nowMs) actions.push({ kind: "wakeAt", atMs });
    else actions.push(createTask(service, slot.place, "READY", context));
    return actions;
  }
  const surplus = surplusTasks(slot, rules.startFirst || isMoving(slot));
  actions.push(...surplus.map(stopTask));
  for (const task of [...slot.clean, ...slot.dirty]) {
    if (task.desiredState !== "READY" || surplus.includes(task)) continue;
    const atMs = promotionTimeMs(task, slot.tasks, nodes);
    if (atMs <= context.nowMs) {
      actions.push({ kind: "setDesired", taskId: task.id, desired: rules.goal });
    } else {
      actions.push({ kind: "wakeAt", atMs });
    }
  }
  return actions;
}

/** The live tasks that should stop because a better one is there. */
function surplusTasks(slot: Slot, startFirst: boolean): Task[] {
  const clean = bestFirst(slot.clean);
  const dirty = bestFirst(slot.dirty);
  const surplus = [...clean.slice(1), ...dirty.slice(1)];
  const next = clean[0];
  const old = dirty[0];
  if (next !== undefined && old !== undefined) {
    const replaced = startFirst
      ? observedState(next) === "RUNNING" || observedState(old) !== "RUNNING"
      : true;
    if (replaced) surplus.push(old);
  }
  return surplus;
}

/** Running before not running, then older before newer. */
function bestFirst(tasks: readonly Task[]): Task[] {
  return [
    ...tasks.filter((task) => observedState(task) === "RUNNING"),
    ...tasks.filter((task) => observedState(task) !== "RUNNING"),
  ];
}
