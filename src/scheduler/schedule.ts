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
  const pass = new SchedulingPass(input.nodes, input.nowMs);
  const assignments: Assignment[] = [];
  const unplaced: Unplaced[] = [];
  for (const portion of portionsOf(input.tasks)) {
    const placed = placePortion(pass, portion);
    for (const assignment of placed.assignments) assignments.push(assignment);
    for (const one of placed.unplaced) unplaced.push(one);
  }
  return { assignments, unplaced };
}

/**
 * The tasks in the order in which they are to be placed, cut into what `placePortion` takes: those with a node of their own first, since
 * they can go nowhere else, then group by group, up to `most` tasks at a time.
 */
export function portionsOf(tasks: Iterable<Task>, most = Number.POSITIVE_INFINITY): Task[][] {
  const portions: Task[][] = [];
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    if (task.nodeId !== "") {
      portions.push([task]);
      continue;
    }
    const key = groupKeyOf(task);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [task]);
    else group.push(task);
  }
  for (const group of groups.values()) {
    for (let start = 0; start < group.length; start += most) {
      portions.push(most >= group.length ? group : group.slice(start, start + most));
    }
  }
  return portions;
}

/** Places one portion of `portionsOf`. */
export function placePortion(pass: SchedulingPass, portion: readonly Task[]): Placements {
  const first = portion[0];
  return first !== undefined && first.nodeId !== ""
    ? pass.placeOnOwnNode(first)
    : pass.place(portion);
}
