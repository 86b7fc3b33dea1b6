import type { FailureAction } from "../../gen/skep/FailureAction.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { UpdateState } from "../../gen/skep/UpdateState.ts";
import { timestampMs, toTimestamp } from "../../model/time.ts";
import type { Action } from "./actions.ts";
import { specVersionOf } from "./task-facts.ts";

// Edges of the update state (control clears it whenever it writes a new spec, and writes ROLLBACK_STARTED for a manual rollback):
//   none, UPDATE_COMPLETED, ROLLBACK_COMPLETED -> UPDATING    some slot holds a task made from other words
//   UPDATING -> UPDATE_COMPLETED                   all slots tried and quiet
//   UPDATING -> UPDATE_PAUSED | ROLLBACK_STARTED   too many failures
//   ROLLBACK_STARTED -> ROLLBACK_COMPLETED | ROLLBACK_PAUSED

/** The updater waits for a newer spec. */
export function isPaused(service: Service): boolean {
  const state = service.updateStatus?.state;
  return state === "UPDATE_PAUSED" || state === "ROLLBACK_PAUSED";
}

/** The rollback settings apply, not the update's. */
export function isRollback(service: Service): boolean {
  const state = service.updateStatus?.state;
  return state === "ROLLBACK_STARTED" || state === "ROLLBACK_PAUSED";
}

/** When the update under way began, 0 when that is unknown. */
export function startedAtMs(service: Service): number {
  const startedAt = service.updateStatus?.startedAt;
  return startedAt ? timestampMs(startedAt) : 0;
}

export function startUpdate(service: Service, nowMs: number): Action {
  return setStatus(service, "UPDATING", "update in progress", { startedAtMs: nowMs });
}

export function completeUpdate(service: Service, nowMs: number): Action {
  const rollback = isRollback(service);
  return setStatus(
    service,
    rollback ? "ROLLBACK_COMPLETED" : "UPDATE_COMPLETED",
    rollback ? "rollback completed" : "update completed",
    { startedAtMs: startedAtMs(service), completedAtMs: nowMs },
  );
}

/** What follows when too many tasks failed; `taskId` is the first of them. A rollback that fails only pauses. */
export function failUpdate(
  service: Service,
  action: FailureAction,
  taskId: string,
  nowMs: number,
): Action {
  const cause = `due to failure or early termination of task ${taskId}`;
  if (isRollback(service)) {
    const message = `rollback paused ${cause}`;
    return setStatus(service, "ROLLBACK_PAUSED", message, { startedAtMs: startedAtMs(service) });
  }
  if (action === "ROLLBACK_UPDATE" && service.previousSpec !== null) {
    return {
      kind: "rollBack",
      serviceId: service.id,
      specVersion: specVersionOf(service),
      status: {
        state: "ROLLBACK_STARTED",
        startedAt: toTimestamp(nowMs),
        completedAt: null,
        message: `update rolled back ${cause}`,
      },
    };
  }
  const message = `update paused ${cause}`;
  return setStatus(service, "UPDATE_PAUSED", message, { startedAtMs: startedAtMs(service) });
}

function setStatus(
  service: Service,
  state: UpdateState,
  message: string,
  times: { readonly startedAtMs: number; readonly completedAtMs?: number },
): Action {
  return {
    kind: "setUpdateStatus",
    serviceId: service.id,
    specVersion: specVersionOf(service),
    status: {
      state,
      startedAt: toTimestamp(times.startedAtMs),
      completedAt: times.completedAtMs === undefined ? null : toTimestamp(times.completedAtMs),
      message,
    },
  };
}
