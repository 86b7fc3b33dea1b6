import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { Slot } from "./slots.ts";
import {
  endedByItself,
  hasEnded,
  isWanted,
  observedAtMs,
  observedState,
  runningAtMs,
  specVersionOf,
} from "./task-facts.ts";

/** How far the update to the service's current spec has come in one slot. */
export type SlotProgress =
  /** Has a task made from other words, and none of the current version was tried. */
  | { readonly kind: "waiting" }
  /** A task of the current version was made and is not up yet. */
  | { readonly kind: "busy" }
  /** The first task of the current version came up, or failed before it did. */
  | {
      readonly kind: "tried";
      readonly atMs: number;
      /** Set when it ended by itself before, or within the monitored time after, it came up. */
      readonly failure?: { readonly taskId: string; readonly atMs: number };
    }
  /** Nothing to do here, ever. */
  | { readonly kind: "untouched" };

/** Reads the progress of a slot from its tasks alone, so that any leader reads the same. */
export function progressOf(service: Service, slot: Slot, monitorMs: number): SlotProgress {
  const version = specVersionOf(service);
  const first = slot.tasks.find(
    (task) => specVersionOf(task) === version && !wasStoppedEarly(task),
  );
  if (first === undefined) return { kind: slot.dirty.length > 0 ? "waiting" : "untouched" };
  const upAtMs = runningAtMs(first);
  if (endedByItself(first)) {
    const endMs = observedAtMs(first);
    const inTime = upAtMs === undefined || endMs - upAtMs <= monitorMs;
    return {
      kind: "tried",
      atMs: Math.min(endMs, upAtMs ?? endMs),
      ...(inTime ? { failure: { taskId: first.id, atMs: endMs } } : {}),
    };
  }
  return upAtMs === undefined ? { kind: "busy" } : { kind: "tried", atMs: upAtMs };
}

/** Told to stop, or lost with its node, before it came up: says nothing about the new version. */
function wasStoppedEarly(task: Task): boolean {
  if (endedByItself(task) || runningAtMs(task) !== undefined) return false;
  return !isWanted(task) || hasEnded(task) || observedState(task) === "ORPHANED";
}
