import type { Node } from "../../gen/skep/Node.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { timestampMs } from "../../model/time.ts";
import type { Action } from "./actions.ts";
import { hasEnded, isUnassigned } from "./task-facts.ts";

/** How long a node may be down before its tasks are given up. */
export const orphanAfterMs = 24 * 60 * 60 * 1000;

/**
 * Gives up tasks whose node was removed, or has been down for a day. A node's last write is taken for the moment it went down:
 * a later write only postpones, and every leader sees the same time.
 */
export function planOrphans(
  node: Node | undefined,
  tasks: Iterable<Task>,
  nowMs: number,
): Action[] {
  const open = [...tasks].filter((task) => !hasEnded(task) && !isUnassigned(task));
  if (open.length === 0) return [];
  if (node !== undefined) {
    if (node.status?.state !== "DOWN") return [];
    const atMs = timestampMs(node.meta?.updatedAt ?? null) + orphanAfterMs;
    if (atMs > nowMs) return [{ kind: "wakeAt", atMs }];
  }
  const message = node === undefined ? "node removed" : "node down for too long";
  return open.map((task) => ({
    kind: "setObserved",
    taskId: task.id,
    state: "ORPHANED",
    message,
    err: "",
  }));
}
