import type { Task } from "../gen/skep/Task.ts";

/**
 * Whether balancers and DNS may send work to the task: it runs (so it is healthy) and is meant to go on running.
 * A task of a job is meant to reach COMPLETE and serves until then.
 */
export function isServing(task: Pick<Task, "status" | "desiredState">): boolean {
  return (
    task.status?.state === "RUNNING" &&
    (task.desiredState === "RUNNING" || task.desiredState === "COMPLETE")
  );
}
