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
  tx.update("task", assigned(task, nodeId, generic, now));
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

// Each field by name, here and below: to spread an object takes V8 three times the memory, and longer than all the rest of this.
function assigned(
  task: Task,
  nodeId: string,
  generic: Assignment["generic"],
  now: Timestamp,
): Task {
  const before = task.assignedGenericResources;
  return {
    id: task.id,
    meta: task.meta,
    spec: task.spec,
    specVersion: task.specVersion,
    serviceId: task.serviceId,
    slot: task.slot,
    nodeId,
    annotations: task.annotations,
    serviceAnnotations: task.serviceAnnotations,
    status: statusOf(task, "ASSIGNED", "scheduler assigned task to node", "", now),
    desiredState: task.desiredState,
    networks: task.networks,
    endpoint: task.endpoint,
    logDriver: task.logDriver,
    // Nearly always there are none, and one empty list will do.
    assignedGenericResources: generic.length + before.length === 0 ? before : [...generic],
    jobIteration: task.jobIteration,
    moving: task.moving,
  };
}

function statusOf(
  task: Task,
  state: "PENDING" | "ASSIGNED",
  message: string,
  err: string,
  now: Timestamp,
): Task["status"] {
  const before = task.status;
  return {
    timestamp: now,
    state,
    message,
    err,
    container: before?.container ?? null,
    portStatus: before?.portStatus ?? null,
    appliedBy: before?.appliedBy ?? "",
    appliedAt: before?.appliedAt ?? null,
    runningAt: before?.runningAt ?? null,
  };
}
