import type { Task } from "../../gen/skep/Task.ts";
import { isAttachment } from "../../model/attachment.ts";
import type { Action } from "./actions.ts";
import { createdAtMs, hasEnded, isUnassigned } from "./task-facts.ts";

/** An attachment that no node was told of in this time was asked for by somebody who is gone. */
export const unclaimedAfterMs = 60_000;

/** Which attachments leave the store: they have no history, and nobody waits long for one. */
export function planAttachmentReap(tasks: Iterable<Task>, nowMs: number): Action[] {
  const actions: Action[] = [];
  for (const task of tasks) {
    if (!isAttachment(task)) continue;
    const atMs = createdAtMs(task) + unclaimedAfterMs;
    if (hasEnded(task) || (isUnassigned(task) && atMs <= nowMs)) {
      actions.push({ kind: "removeTask", taskId: task.id });
    } else if (isUnassigned(task)) {
      actions.push({ kind: "wakeAt", atMs });
    }
  }
  return actions;
}
