import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { restartPolicyOf } from "../../model/defaults.ts";
import { isGlobal, isGlobalJob } from "../../model/service-mode.ts";
import type { Action } from "./actions.ts";
import { nodePlace, numberedPlace, type Slot, slotsOf } from "./slots.ts";
import {
  hasEnded,
  isStopped,
  isWanted,
  type NodeLookup,
  observedState,
  specVersionOf,
} from "./task-facts.ts";

/** What decides how much history is kept. */
export interface RetentionRules {
  /** Dead tasks kept per slot; negative keeps all. */
  readonly limit: number;
}

/** Which tasks leave the store: those asked to that can run nowhere, and history beyond the limit. */
export function planReap(
  service: Service | undefined,
  tasks: readonly Task[],
  nodes: NodeLookup,
  rules: RetentionRules,
): Action[] {
  const doomed = tasks.filter(
    (task) =>
      (task.desiredState === "REMOVE" && isStopped(task)) ||
      // No service will ever look at it again.
      (service === undefined && observedState(task) === "ORPHANED"),
  );
  if (service !== undefined && rules.limit >= 0) {
    const placeOf = isGlobal(service) || isGlobalJob(service) ? nodePlace : numberedPlace;
    for (const slot of slotsOf(service, tasks, nodes, placeOf)) {
      doomed.push(...surplusHistory(service, slot, nodes, rules.limit));
    }
  }
  return doomed.map((task) => ({ kind: "removeTask", taskId: task.id }));
}

function surplusHistory(service: Service, slot: Slot, nodes: NodeLookup, limit: number): Task[] {
  const dead = slot.tasks.filter((task) => hasEnded(task) && !isWanted(task));
  const nodeIsGone = slot.place.nodeId !== "" && nodes.get(slot.place.nodeId) === undefined;
  const keep = nodeIsGone ? 0 : historyKept(service, slot, limit);
  const surplus = dead.slice(0, Math.max(0, dead.length - keep));
  const witness = firstOfUpdate(service, slot);
  return surplus.filter((task) => task !== witness);
}

/** Restart attempts are counted from history, and a slot without a running task is judged by its newest dead one. */
function historyKept(service: Service, slot: Slot, limit: number): number {
  const attempts = restartPolicyOf(service.spec?.task ?? null).maxAttempts;
  const wanted = attempts > 0 ? attempts + 1 : limit;
  const isSettled = [...slot.clean, ...slot.dirty].some((task) => task.desiredState === "RUNNING");
  return isSettled ? wanted : Math.max(wanted, 1);
}

/** While an update is under way its success is read from the first task of the new version in each slot. */
function firstOfUpdate(service: Service, slot: Slot): Task | undefined {
  const state = service.updateStatus?.state;
  if (state !== "UPDATING" && state !== "ROLLBACK_STARTED") return undefined;
  return slot.tasks.find((task) => specVersionOf(task) === specVersionOf(service));
}
