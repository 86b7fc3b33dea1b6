import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { nextRunMs, scheduledUntilMs, scheduleOf } from "../../model/job-schedule.ts";
import { toTimestamp } from "../../model/time.ts";
import type { Reconciler } from "../../store/reconcile-loop.ts";
import { jobIterationOf } from "./new-task.ts";
import { hasEnded, isWanted } from "./task-facts.ts";

/** What is to be done about a scheduled job now. */
export type ScheduleStep =
  | { readonly kind: "wait"; readonly untilMs: number | undefined }
  | { readonly kind: "run" }
  | { readonly kind: "skip" };

/** Timers further away lose their meaning when clocks are set. */
const longestWaitMs = 3_600_000;

/**
 * Pure: whether a run is due, and what becomes of it. However many runs were due while nobody looked, one is made up for.
 */
export function nextScheduleStep(
  service: Service,
  tasks: Iterable<Task>,
  nowMs: number,
): ScheduleStep {
  const schedule = scheduleOf(service);
  if (schedule === undefined || service.pendingDelete) return { kind: "wait", untilMs: undefined };
  const dueMs = nextRunMs(schedule, scheduledUntilMs(service));
  if (dueMs === undefined) return { kind: "wait", untilMs: undefined };
  if (dueMs > nowMs) return { kind: "wait", untilMs: Math.min(dueMs, nowMs + longestWaitMs) };
  if (!isRunning(service, tasks) || schedule.overlap === "replace") return { kind: "run" };
  // A queued run begins when the tasks of the one before have ended: that is an event of its own.
  return schedule.overlap === "skip" ? { kind: "skip" } : { kind: "wait", untilMs: undefined };
}

/** Starts the runs of scheduled jobs: each is one more iteration of the job. Keys are service ids. */
export const jobScheduleReconciler: Reconciler = {
  name: "job-schedules",
  *keysOf(event, view) {
    if (event.table === "service" && event.kind !== "remove") {
      if (scheduleOf(event.object) !== undefined) yield event.object.id;
    } else if (event.table === "task") {
      const service = view.get("service", event.object.serviceId);
      if (service !== undefined && scheduleOf(service) !== undefined) yield service.id;
    }
  },
  *allKeys(view) {
    for (const service of view.all("service")) {
      if (scheduleOf(service) !== undefined) yield service.id;
    }
  },
  reconcile(view, key, { nowMs }) {
    const service = view.get("service", key);
    if (service === undefined) return { changes: [] };
    const step = nextScheduleStep(service, view.tasksOfService(key), nowMs);
    if (step.kind === "wait") {
      return { changes: [], ...(step.untilMs === undefined ? {} : { wakeAtMs: step.untilMs }) };
    }
    const now = toTimestamp(nowMs);
    const jobStatus =
      step.kind === "run"
        ? {
            jobIteration: { index: jobIterationOf(service) + 1 },
            lastExecution: now,
            lastScheduled: now,
          }
        : { jobIteration: null, lastExecution: null, ...service.jobStatus, lastScheduled: now };
    return { changes: [(tx) => tx.update("service", { ...service, jobStatus })] };
  },
};

function isRunning(service: Service, tasks: Iterable<Task>): boolean {
  const iteration = jobIterationOf(service);
  for (const task of tasks) {
    const current = (task.jobIteration?.index ?? 0) === iteration;
    if (current && isWanted(task) && !hasEnded(task)) return true;
  }
  return false;
}
