import type { Task } from "../gen/skep/Task.ts";

/** What a task's name is made of. */
export type TaskNameParts = Pick<Task, "id" | "slot" | "nodeId" | "serviceAnnotations">;

/** The name of a task and of its container: `web.3.TASKID`, or `agent.NODEID.TASKID` for tasks without a slot (global). */
export function taskName(task: TaskNameParts): string {
  const place = task.slot > 0 ? String(task.slot) : task.nodeId;
  return `${task.serviceAnnotations?.name ?? ""}.${place}.${task.id}`;
}
