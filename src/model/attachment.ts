import type { Task } from "../gen/skep/Task.ts";

/**
 * Whether the task stands for a container that people started by hand on a network of the swarm, and is none that runs one
 * itself. It belongs to no service, and its node is chosen when it is made.
 */
export function isAttachment(task: Pick<Task, "spec">): boolean {
  return (task.spec?.attachment ?? null) !== null;
}
