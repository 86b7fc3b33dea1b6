import type { Task } from "../gen/skep/Task.ts";
import type { Timestamp } from "../gen/skep/Timestamp.ts";
import { takesTasks } from "./filters/ready.ts";
import type { PlacementTransaction } from "./placement-store.ts";
import { needsScheduling } from "./schedule.ts";
import type { Assignment } from "./scheduling-pass.ts";

/**
 * PENDING -> ASSIGNED. Gives the task back when its node cannot take tasks any more: it has to be placed again. That is looked at if
 * `nodesChanged`, anything about nodes since they were looked at for the assignment.
 */
export function writeAssignment(
  tx: PlacementTransaction,
  assignment: Assignment,
  now: Timestamp,
  nodesChanged: boolean,
): Task | undefined {
  const task = tx.get("task", assignment.taskId);
  if (task === undefined || !needsScheduling(task)) return undefined;
  const { nodeId, generic } = assignment;
  if (nodesChanged) {
    const node = tx.get("node", nodeId);
    if (node === undefined || !takesTasks(node)) return task;
  }
  const assigned = task.assignedGenericResources;
  tx.update("task", {
    ...task,
    nodeId,
    // Nearly always there are none, and one empty list will do.
    assignedGenericResources: generic.length + assigned.length === 0 ? assigned : [...generic],
    status: statusOf(task, "ASSIGNED", "scheduler assigned task to node", "", now),
  });
  return undefined;
}

/** Says in the task's status why no node suits. */
export function writeExplanation(
  tx: PlacementTransaction,
  taskId: string,
  err: string,
  now: Timestamp,
): void {
  const task = tx.get("task", taskId);
  if (task === undefined || !needsScheduling(task) || task.status?.err === err) return;
  const message = task.status?.message || "pending task scheduling";
  tx.update("task", { ...task, status: statusOf(task, "PENDING", message, err, now) });
}

function statusOf(
  task: Task,
  state: "PENDING" | "ASSIGNED",
  message: string,
  err: string,
  now: Timestamp,
): Task["status"] {
  // Each field by name: to spread a second object takes V8 longer than all the rest of this.
  if (task.status !== null) return { ...task.status, state, message, err, timestamp: now };
  return {
    container: null,
    portStatus: null,
    appliedBy: "",
    appliedAt: null,
    runningAt: null,
    state,
    message,
    err,
    timestamp: now,
  };
}
