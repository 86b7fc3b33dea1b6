import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { dirtyTest } from "./dirty.ts";
import type { TaskPlace } from "./new-task.ts";
import { mayRestart } from "./restart-policy.ts";
import {
  byAge,
  hasEnded,
  isOnLostNode,
  isWanted,
  type NodeLookup,
  observedState,
  specVersionOf,
} from "./task-facts.ts";

/**
 * One place of a service that holds one task at a time (two during a start-first update): a numbered slot of a
 * replicated service, a node of a global one. It remembers the tasks it held.
 */
export interface Slot {
  readonly place: TaskPlace;
  /** Oldest first, those on their way out of the store (desired REMOVE) left out. */
  readonly tasks: readonly Task[];
  /** Wanted, but ended or on a node that no longer keeps tasks. */
  readonly lost: readonly Task[];
  /** Wanted, alive, and what the service says. */
  readonly clean: readonly Task[];
  /** Wanted, alive, but made from other words than the service's, or about to move to another node. */
  readonly dirty: readonly Task[];
  /** Nothing alive, and the restart policy says that it stays so. */
  readonly finished: boolean;
}

/** Sorts a service's tasks into slots; `service` decides what is dirty and what is finished. */
export function slotsOf(
  service: Service,
  tasks: Iterable<Task>,
  nodes: NodeLookup,
  placeOf: (task: Task) => TaskPlace,
): Slot[] {
  const groups = new Map<string, { place: TaskPlace; tasks: Task[] }>();
  for (const task of tasks) {
    if (task.desiredState === "REMOVE") continue;
    const place = placeOf(task);
    const key = `${place.slot}/${place.nodeId}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { place, tasks: [task] });
    else group.tasks.push(task);
  }
  const isDirty = dirtyTest(service, nodes);
  return [...groups.values()].map((group) => describeSlot(service, group, nodes, isDirty));
}

/** The place of a replicated service's task: any node will do. */
export function numberedPlace(task: Task): TaskPlace {
  return { slot: task.slot, nodeId: "" };
}

/** The place of a global service's task: its node. */
export function nodePlace(task: Task): TaskPlace {
  return { slot: 0, nodeId: task.nodeId };
}

/** A task of the slot that lives and is wanted. */
export function isOccupied(slot: Slot): boolean {
  return slot.clean.length + slot.dirty.length > 0;
}

/** Some task of the slot is observed RUNNING. */
export function isRunning(slot: Slot): boolean {
  return [...slot.clean, ...slot.dirty].some((task) => observedState(task) === "RUNNING");
}

/** A task of the slot is to move: its successor runs before it stops, whatever the update's order. */
export function isMoving(slot: Slot): boolean {
  return slot.dirty.some((task) => task.moving);
}

/** Some task of the slot did what it was for: jobs only. */
export function isCompleted(slot: Slot): boolean {
  return slot.tasks.some((task) => observedState(task) === "COMPLETE");
}

function describeSlot(
  service: Service,
  group: { readonly place: TaskPlace; readonly tasks: readonly Task[] },
  nodes: NodeLookup,
  isDirty: (task: Task) => boolean,
): Slot {
  const tasks = [...group.tasks].sort(byAge);
  const lost: Task[] = [];
  const clean: Task[] = [];
  const dirty: Task[] = [];
  for (const task of tasks) {
    if (!isWanted(task)) continue;
    if (hasEnded(task) || isOnLostNode(task, nodes)) lost.push(task);
    else if (task.moving || isDirty(task)) dirty.push(task);
    else clean.push(task);
  }
  const newest = tasks.at(-1);
  return {
    place: group.place,
    tasks,
    lost,
    clean,
    dirty,
    finished:
      clean.length + dirty.length === 0 &&
      newest !== undefined &&
      // A newer spec is a new life, whatever became of the old one.
      specVersionOf(newest) === specVersionOf(service) &&
      !mayRestart(newest, tasks),
  };
}
