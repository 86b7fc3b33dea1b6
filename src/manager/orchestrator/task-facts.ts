import type { Node } from "../../gen/skep/Node.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { isTerminal, taskStateOrder } from "../../model/task-state.ts";
import { timestampMs } from "../../model/time.ts";
import type { Action } from "./actions.ts";

/** Nodes by id, as a decision sees them. */
export interface NodeLookup {
  get(nodeId: string): Node | undefined;
}

/** The observed state is an end: the task is not running and never will be again. */
export function hasEnded(task: Task): boolean {
  return isTerminal(observedState(task));
}

/** The observed state; a task without a status is new. */
export function observedState(task: Task): NonNullable<Task["status"]>["state"] {
  return task.status?.state ?? "NEW";
}

/** No node has been told about the task yet. */
export function isUnassigned(task: Task): boolean {
  return taskStateOrder(observedState(task)) < taskStateOrder("ASSIGNED");
}

/** Nobody has asked the task to stop. */
export function isWanted(task: Task): boolean {
  return taskStateOrder(task.desiredState) <= taskStateOrder("COMPLETE");
}

/** Ended though nobody asked it to: crashed, finished or was refused, rather than shut down. */
export function endedByItself(task: Task): boolean {
  const state = observedState(task);
  return state === "COMPLETE" || state === "FAILED" || state === "REJECTED";
}

/** Nothing of the task can be running: it ended, or was stopped before any node heard of it. */
export function isStopped(task: Task): boolean {
  return hasEnded(task) || (!isWanted(task) && isUnassigned(task));
}

/** The node is there and neither down nor being drained. UNKNOWN and DISCONNECTED nodes keep their tasks. */
export function keepsTasks(node: Node | undefined): node is Node {
  return node !== undefined && node.status?.state !== "DOWN" && node.spec?.availability !== "DRAIN";
}

/** The task was given to a node that no longer keeps tasks. */
export function isOnLostNode(task: Task, nodes: NodeLookup): boolean {
  return task.nodeId !== "" && !keepsTasks(nodes.get(task.nodeId));
}

/** The node is gone or down, so waiting for it to stop anything is pointless. */
export function cannotAnswer(task: Task, nodes: NodeLookup): boolean {
  if (task.nodeId === "") return false;
  const node = nodes.get(task.nodeId);
  return node === undefined || node.status?.state === "DOWN";
}

/** When the store took the task in, by the proposing manager's clock (ms). */
export function createdAtMs(task: Task): number {
  return timestampMs(task.meta?.createdAt ?? task.status?.timestamp ?? null);
}

/** When the observed state was last written: by the manager's clock where it noted that, else by the node's. */
export function observedAtMs(task: Task): number {
  return timestampMs(task.status?.appliedAt ?? task.status?.timestamp ?? null);
}

/** When the task was first seen RUNNING, if that is known. */
export function runningAtMs(task: Task): number | undefined {
  if (task.status?.runningAt) return timestampMs(task.status.runningAt);
  return observedState(task) === "RUNNING" ? observedAtMs(task) : undefined;
}

/** Index of the service spec that the task was made from. */
export function specVersionOf(owner: { readonly specVersion: Task["specVersion"] }): number {
  return owner.specVersion?.index ?? 0;
}

/** Asks a task to stop. One that no node knows of leaves no trace. */
export function stopTask(task: Task): Action {
  return {
    kind: "setDesired",
    taskId: task.id,
    desired: isUnassigned(task) ? "REMOVE" : "SHUTDOWN",
  };
}

/**
 * Oldest first. Tasks are always made from the newest spec, so its version counts before the clocks of perhaps different
 * leaders; ties go by id, so that every manager sees the same order.
 */
export function byAge(a: Task, b: Task): number {
  return (
    specVersionOf(a) - specVersionOf(b) || createdAtMs(a) - createdAtMs(b) || (a.id < b.id ? -1 : 1)
  );
}
