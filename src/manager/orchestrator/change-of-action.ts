import { unreachable } from "../../base/assert.ts";
import type { Service } from "../../gen/skep/Service.ts";
import { taskStateOrder } from "../../model/task-state.ts";
import { toTimestamp } from "../../model/time.ts";
import type { Transaction } from "../../store/store-view.ts";
import type { Action } from "./actions.ts";
import { hasEnded, specVersionOf } from "./task-facts.ts";

/** The part of a transaction that carrying out actions takes. */
export type ActionStore = Pick<Transaction, "get" | "create" | "update" | "remove">;

/** A change of the store. */
export type Change = (tx: ActionStore) => void;

/** The changes that carry out `actions`; waking is the loop's affair. */
export function changesOf(actions: readonly Action[], nowMs: number): Change[] {
  return actions
    .filter((action) => action.kind !== "wakeAt")
    .map((action) => (tx: ActionStore) => applyAction(tx, action, nowMs));
}

/**
 * Carries out one action, in a store that may have moved on since it was decided: what no longer applies is left out, and the next
 * decision will see why.
 */
export function applyAction(tx: ActionStore, action: Action, nowMs: number): void {
  switch (action.kind) {
    case "createTask": {
      const service = tx.get("service", action.task.serviceId);
      if (service === undefined || service.pendingDelete) return;
      if (specVersionOf(service) !== specVersionOf(action.task)) return;
      tx.create("task", action.task);
      return;
    }
    case "setDesired": {
      const task = tx.get("task", action.taskId);
      if (task === undefined) return;
      if (taskStateOrder(action.desired) <= taskStateOrder(task.desiredState)) return;
      tx.update("task", { ...task, desiredState: action.desired });
      return;
    }
    case "setObserved": {
      const task = tx.get("task", action.taskId);
      if (task === undefined || hasEnded(task) || task.status === null) return;
      const now = toTimestamp(nowMs);
      const { state, message, err } = action;
      const status = { ...task.status, state, message, err, timestamp: now, appliedAt: now };
      tx.update("task", { ...task, status });
      return;
    }
    case "setUpdateStatus": {
      const service = currentService(tx, action);
      if (service) tx.update("service", { ...service, updateStatus: action.status });
      return;
    }
    case "rollBack": {
      const service = currentService(tx, action);
      if (service) rollBack(tx, service, action.status);
      return;
    }
    case "removeTask":
      if (tx.get("task", action.taskId)) tx.remove("task", action.taskId);
      return;
    case "removeService":
      if (tx.get("service", action.serviceId)) tx.remove("service", action.serviceId);
      return;
    case "wakeAt":
      return;
    default:
      unreachable(action);
  }
}

function currentService(
  tx: ActionStore,
  about: { readonly serviceId: string; readonly specVersion: number },
): Service | undefined {
  const service = tx.get("service", about.serviceId);
  if (service === undefined || service.pendingDelete) return undefined;
  return specVersionOf(service) === about.specVersion ? service : undefined;
}

function rollBack(tx: ActionStore, service: Service, status: Service["updateStatus"]): void {
  if (service.previousSpec === null) return;
  tx.update("service", {
    ...service,
    spec: service.previousSpec,
    // Left open, the store fills in the version of this very write.
    specVersion: null,
    previousSpec: null,
    previousSpecVersion: null,
    updateStatus: status,
  });
}
