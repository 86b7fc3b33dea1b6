import type { Task } from "../gen/skep/Task.ts";
import { atLeast } from "../model/task-state.ts";
import { groupKeyOf, type NodeInfo } from "./node-info.ts";
import {
  type Assignment,
  type Placements,
  SchedulingPass,
  type Unplaced,
} from "./scheduling-pass.ts";

/** Whether the task waits for a node: allocated, not placed, and still wanted. */
export function needsScheduling(task: Pick<Task, "status" | "desiredState">): boolean {
  return task.status?.state === "PENDING" && !atLeast(task.desiredState, "SHUTDOWN");
}

/**
 * Decides where the tasks run. Tasks that name a node already (global services) are only checked against it. Pure: equal input gives
 * equal output, whatever the order of nodes.
 */
export function schedule(input: {
  readonly tasks: Iterable<Task>;
  readonly nodes: Iterable<NodeInfo>;
  readonly nowMs: number;
}): Placements {
  const nodes = [...input.nodes].sort((a, b) => (a.node.id < b.node.id ? -1 : 1));
  const pass = new SchedulingPass(input.nowMs);
  for (const _ of pass.addNodes(nodes));
  const assignments: Assignment[] = [];
  const unplaced: Unplaced[] = [];
  for (const portion of portionsOf(input.tasks)) {
    const placed = placePortion(pass, portion);
    for (const assignment of placed.assignments) assignments.push(assignment);
    for (const one of placed.unplaced) unplaced.push(one);
  }
  return { assignments, unplaced };
}

/** The tasks that are placed together (see `TaskQueue`), in the order in which they are to be placed. */
function portionsOf(tasks: Iterable<Task>): Task[][] {
  const ownNode: Task[] = [];
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    if (task.nodeId !== "") {
      ownNode.push(task);
      continue;
    }
    const key = groupKeyOf(task);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [task]);
    else group.push(task);
  }
  return [ownNode, ...groups.values()];
}

/** Places tasks of one group, or tasks that all have a node of their own. */
export function placePortion(pass: SchedulingPass, portion: readonly Task[]): Placements {
  const first = portion[0];
  if (first === undefined || first.nodeId === "") return pass.place(portion);
  const placed = portion.map((task) => pass.placeOnOwnNode(task));
  return {
    assignments: placed.flatMap(({ assignments }) => assignments),
    unplaced: placed.flatMap(({ unplaced }) => unplaced),
  };
}
