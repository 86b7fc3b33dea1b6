import type { LogSelector } from "../gen/skep/LogSelector.ts";
import type { Task } from "../gen/skep/Task.ts";
import type { StoreView } from "../store/store-view.ts";

/** Whether the task's logs are asked for; it must have a node, where they are. */
export function isSelected(task: Task, selector: LogSelector): boolean {
  if (task.nodeId === "") return false;
  return (
    selector.taskIds.includes(task.id) ||
    selector.serviceIds.includes(task.serviceId) ||
    selector.nodeIds.includes(task.nodeId)
  );
}

/** Nodes that have logs of what is selected. */
export function selectedNodes(view: StoreView, selector: LogSelector): Set<string> {
  const tasks = [
    ...selector.taskIds.flatMap((id) => view.get("task", id) ?? []),
    ...selector.serviceIds.flatMap((id) => view.tasksOfService(id)),
    ...selector.nodeIds.flatMap((id) => view.tasksOfNode(id)),
  ];
  return new Set(tasks.filter((task) => isSelected(task, selector)).map(({ nodeId }) => nodeId));
}
