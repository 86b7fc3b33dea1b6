import type { Task } from "../gen/skep/Task.ts";
import type { ObjectOf, TableName } from "./objects.ts";
import { shareParts } from "./share-parts.ts";
import type { Tables } from "./tables/tables.ts";

/**
 * Lets a new object use the equal parts of the one it replaces or, where it is a task, of another task of its service and its node.
 * Changes `object`, which nobody else may have yet.
 */
export function shareWithOthers<O extends ObjectOf[TableName]>(
  object: O,
  before: O | undefined,
  tables: Tables,
): O {
  if (!isTask(object)) return shareParts(object, before);
  // An object with a service id is a task, as the table's are.
  shareTaskParts(object, before as Task | undefined, tables);
  return object;
}

function shareTaskParts(task: Task, before: Task | undefined, { task: tasks }: Tables): void {
  const [neighbour] = before === undefined ? tasks.byService.get(task.serviceId) : [before];
  shareParts(task, neighbour);
  const { status } = task;
  if (status !== null && status !== neighbour?.status) {
    shareParts(status, neighbour?.status ?? undefined);
  }
  const [onNode] = tasks.byNode.get(task.nodeId);
  if (onNode === undefined) return;
  task.nodeId = onNode.nodeId; // one text for all
  if (status !== null && !Object.isFrozen(status) && status.appliedBy === task.nodeId) {
    status.appliedBy = task.nodeId;
  }
}

function isTask(object: ObjectOf[TableName]): object is Task {
  return "serviceId" in object;
}
