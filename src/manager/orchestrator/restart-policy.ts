import type { Task } from "../../gen/skep/Task.ts";
import { restartPolicyOf } from "../../model/defaults.ts";
import { sameTaskSpec } from "./dirty.ts";
import {
  cannotAnswer,
  createdAtMs,
  endedByItself,
  isOnLostNode,
  isStopped,
  isWanted,
  type NodeLookup,
  observedAtMs,
  observedState,
  specVersionOf,
} from "./task-facts.ts";

/** How long a replacement waits for the task before it to stop. */
export const stopWaitMs = 60_000;

/**
 * Whether `ended`, the newest task of its slot, gets a successor. Attempts are counted from the slot's kept
 * tasks of the same spec version (the reaper keeps enough), as of the moment it ended: so every manager comes to the
 * same answer at any later time.
 */
export function mayRestart(ended: Task, tasksOfSlot: readonly Task[]): boolean {
  const policy = restartPolicyOf(ended.spec);
  const isJob = ended.desiredState === "COMPLETE" || ended.jobIteration !== null;
  const succeeded = observedState(ended) === "COMPLETE";
  if (policy.condition === "RESTART_NONE") return false;
  if (succeeded && (isJob || policy.condition === "RESTART_ON_FAILURE")) return false;
  if (policy.maxAttempts === 0) return true;
  const windowStartMs = policy.windowMs > 0 ? observedAtMs(ended) - policy.windowMs : 0;
  // The first task of a version is no restart.
  const restarts = tasksOfSlot
    .filter((task) => specVersionOf(task) === specVersionOf(ended))
    .slice(1)
    .filter((task) => createdAtMs(task) >= windowStartMs);
  return restarts.length < policy.maxAttempts;
}

/**
 * When a task that waits in desired READY may run: once the tasks that were stopped in its slot have stopped (waited for up to a
 * minute, and not at all when their node is down), and, for the restart of a task that ended by itself, after the policy's delay.
 * `undefined` when only an event can tell.
 */
export function promotionTimeMs(
  waiting: Task,
  tasksOfSlot: readonly Task[],
  nodes: NodeLookup,
): number {
  const before = tasksOfSlot.filter((task) => task.id !== waiting.id && !isWanted(task));
  const stopping = before.some((task) => !isStopped(task) && !cannotAnswer(task, nodes));
  const startMs = createdAtMs(waiting);
  if (stopping) return startMs + stopWaitMs;
  const last = before.at(-1);
  const isRestart =
    last !== undefined &&
    endedByItself(last) &&
    !isOnLostNode(last, nodes) &&
    sameTaskSpec(last, waiting);
  if (!isRestart) return startMs;
  return Math.max(startMs, observedAtMs(last) + restartPolicyOf(waiting.spec).delayMs);
}

/**
 * When an empty slot may get a successor of `last`, its newest task. At once, but for a task of the same version that was rejected
 * before it ever ran: its successor would prepare and be rejected just as fast, so the delay comes before it is made.
 */
export function successionTimeMs(last: Task | undefined, specVersion: number): number {
  if (last === undefined || specVersionOf(last) !== specVersion) return 0;
  if (observedState(last) !== "REJECTED" || last.status?.runningAt) return 0;
  return observedAtMs(last) + restartPolicyOf(last.spec).delayMs;
}
