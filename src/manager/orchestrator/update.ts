import type { Service } from "../../gen/skep/Service.ts";
import { restartPolicyOf, rollbackConfigOf, updateConfigOf } from "../../model/defaults.ts";
import type { Action } from "./actions.ts";
import { createTask, type DecisionContext } from "./new-task.ts";
import { mayRestart } from "./restart-policy.ts";
import { isRunning, type Slot } from "./slots.ts";
import { endedByItself, observedAtMs, specVersionOf, stopTask } from "./task-facts.ts";
import { progressOf, type SlotProgress } from "./update-progress.ts";
import {
  completeUpdate,
  failUpdate,
  isPaused,
  isRollback,
  startedAtMs,
  startUpdate,
} from "./update-status.ts";

interface TrackedSlot {
  readonly slot: Slot;
  readonly progress: SlotProgress;
}

/** Whether the update now under way (or next to come) starts the new task before it stops the old one. */
export function isStartFirst(service: Service): boolean {
  return configOf(service).order === "START_FIRST";
}

/**
 * The rolling update as a function of what the store says. Nothing is remembered between calls: which slots are done, busy or waiting follows
 * from their tasks, so a new leader, or a newer spec, simply goes on from there.
 * `slots` are the slots that stay; `mayUpdate` says which of them may be given a new task now.
 */
export function planUpdate(
  service: Service,
  slots: readonly Slot[],
  mayUpdate: (slot: Slot) => boolean,
  context: DecisionContext,
): Action[] {
  if (isPaused(service)) return [];
  const config = configOf(service);
  const tracked = slots.map((slot) => ({
    slot,
    progress: progressOf(service, slot, config.monitorMs),
  }));
  const waiting = tracked.filter(
    ({ slot, progress }) => progress.kind === "waiting" && mayUpdate(slot),
  );
  const underWay = isUnderWay(service);
  if (!underWay && waiting.length === 0) return retries(service, tracked, mayUpdate, context);

  if (underWay) {
    const failed = failuresSince(tracked, startedAtMs(service));
    const total = tracked.filter(({ progress }) => progress.kind !== "untouched").length;
    const [first] = failed;
    if (
      first !== undefined &&
      config.failureAction !== "CONTINUE_UPDATE" &&
      failed.length / total > config.maxFailureRatio
    ) {
      return [failUpdate(service, config.failureAction, first, context.nowMs)];
    }
  }
  const actions: Action[] = underWay ? [] : [startUpdate(service, context.nowMs)];
  const steps = launch(service, tracked, waiting, context);
  actions.push(...steps, ...retries(service, tracked, mayUpdate, context));
  const isBusy = tracked.some(({ progress }) => progress.kind === "busy");
  if (underWay && waiting.length === 0 && !isBusy) {
    actions.push(finishOrWait(service, tracked, context.nowMs));
  }
  return actions;
}

/** Begins as many waiting slots as parallelism leaves room for; those that serve nobody come first. */
function launch(
  service: Service,
  tracked: readonly TrackedSlot[],
  waiting: readonly TrackedSlot[],
  context: DecisionContext,
): Action[] {
  const config = configOf(service);
  const actions: Action[] = [];
  let room = config.parallelism === 0 ? waiting.length : config.parallelism;
  for (const { progress } of tracked) {
    if (progress.kind === "busy") room -= 1;
    else if (progress.kind === "tried" && progress.atMs + config.delayMs > context.nowMs) {
      room -= 1;
      actions.push({ kind: "wakeAt", atMs: progress.atMs + config.delayMs });
    }
  }
  const order = [...waiting].sort(
    (a, b) =>
      Number(isRunning(a.slot)) - Number(isRunning(b.slot)) ||
      a.slot.place.slot - b.slot.place.slot,
  );
  for (const { slot } of order.slice(0, Math.max(0, room))) {
    actions.push(...replaceTask(service, slot, context));
  }
  return actions;
}

function replaceTask(service: Service, slot: Slot, context: DecisionContext): Action[] {
  if (isStartFirst(service)) return [createTask(service, slot.place, "RUNNING", context)];
  return [createTask(service, slot.place, "READY", context), ...slot.dirty.map(stopTask)];
}

/**
 * A start-first replacement that failed leaves the old task in place: nobody restarts it, so it is tried again here as its
 * restart policy says (the update goes on in spite of failures, or it would be paused).
 */
function retries(
  service: Service,
  tracked: readonly TrackedSlot[],
  mayUpdate: (slot: Slot) => boolean,
  context: DecisionContext,
): Action[] {
  const actions: Action[] = [];
  for (const { slot, progress } of tracked) {
    if (progress.kind !== "tried" || slot.dirty.length === 0 || slot.clean.length > 0) continue;
    const last = slot.tasks.findLast((task) => specVersionOf(task) === specVersionOf(service));
    if (last === undefined || !mayUpdate(slot)) continue;
    if (endedByItself(last) && !mayRestart(last, slot.tasks)) continue;
    const delayMs = endedByItself(last) ? restartPolicyOf(last.spec).delayMs : 0;
    const atMs = observedAtMs(last) + delayMs;
    if (atMs > context.nowMs) actions.push({ kind: "wakeAt", atMs });
    else actions.push(createTask(service, slot.place, "RUNNING", context));
  }
  return actions;
}

/** Updates count as complete after nothing has failed for the monitored time, and at least a delay and a second. */
function finishOrWait(service: Service, tracked: readonly TrackedSlot[], nowMs: number): Action {
  const config = configOf(service);
  let lastMs = startedAtMs(service);
  for (const { progress } of tracked) {
    if (progress.kind === "tried") lastMs = Math.max(lastMs, progress.atMs);
  }
  const quietMs = Math.max(config.monitorMs, config.delayMs + 1000);
  if (nowMs < lastMs + quietMs) return { kind: "wakeAt", atMs: lastMs + quietMs };
  return completeUpdate(service, nowMs);
}

function failuresSince(tracked: readonly TrackedSlot[], sinceMs: number): string[] {
  const failures: { taskId: string; atMs: number }[] = [];
  for (const { progress } of tracked) {
    if (progress.kind === "tried" && progress.failure && progress.failure.atMs >= sinceMs) {
      failures.push(progress.failure);
    }
  }
  return failures.sort((a, b) => a.atMs - b.atMs).map(({ taskId }) => taskId);
}

function isUnderWay(service: Service): boolean {
  const state = service.updateStatus?.state;
  return state === "UPDATING" || state === "ROLLBACK_STARTED";
}

function configOf(service: Service) {
  return isRollback(service) ? rollbackConfigOf(service) : updateConfigOf(service);
}
