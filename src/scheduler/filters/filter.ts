import type { Task } from "../../gen/skep/Task.ts";
import type { NodeInfo } from "../node-info.ts";

/** One reason why a node may not run a task. */
export interface Filter {
  /** Whether the outcome depends on nothing that placing tasks changes, so that it holds for a whole pass. */
  readonly isFixed: boolean;
  /** False when the task asks for nothing that this filter knows of. */
  appliesTo(task: Task): boolean;
  /** The test that tells whether a node may run the task; made once for many nodes. */
  check(task: Task): (node: NodeInfo) => boolean;
  /** Why the task is not placed, for people: `count` nodes failed this filter. */
  explain(count: number, task: Task): string;
}

/** "1 node", "2 nodes" */
export function nodes(count: number): string {
  return count === 1 ? "1 node" : `${count} nodes`;
}
