import type { TaskState } from "../gen/skep/TaskState.ts";

const orders: Readonly<Record<TaskState, number>> = {
  NEW: 0,
  PENDING: 64,
  ASSIGNED: 192,
  ACCEPTED: 256,
  PREPARING: 320,
  READY: 384,
  STARTING: 448,
  RUNNING: 512,
  COMPLETE: 576,
  SHUTDOWN: 640,
  FAILED: 704,
  REJECTED: 768,
  REMOVE: 800,
  ORPHANED: 832,
};

/** All states, in the order of a task's life. */
export const taskStates: readonly TaskState[] = Object.keys(orders) as TaskState[];

/** The place of a state in the life of a task; a later state has a higher number. The numbers are those of `types.proto`. */
export function taskStateOrder(state: TaskState): number {
  return orders[state];
}

/** Whether a task in this observed state has ended for good. */
export function isTerminal(state: TaskState): boolean {
  return orders[state] >= orders.COMPLETE;
}

/** Whether `a` is `b` or comes after it. */
export function atLeast(a: TaskState, b: TaskState): boolean {
  return orders[a] >= orders[b];
}

/**
 * Whether an observed state may follow another one:
 * NEW -> PENDING (allocator) -> ASSIGNED (scheduler) -> any later state up to RUNNING (agent; it may skip some that passed while
 * nobody heard it), and from each of these to COMPLETE, SHUTDOWN, FAILED, REJECTED or ORPHANED, which nothing follows.
 * REMOVE is only ever desired, never observed.
 */
export function isLegalTransition(from: TaskState, to: TaskState): boolean {
  if (to === "REMOVE" || isTerminal(from) || orders[to] <= orders[from]) return false;
  if (isTerminal(to)) return true;
  if (from === "NEW") return to === "PENDING";
  if (from === "PENDING") return to === "ASSIGNED";
  return true;
}
