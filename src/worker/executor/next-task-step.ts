import type { TaskState } from "../../gen/skep/TaskState.ts";

/**
 * The one thing to do next for a task.
 * Edges: ASSIGNED -> ACCEPTED -> PREPARING -> (prepare) READY -> STARTING -> (start) RUNNING -> (wait) COMPLETE | FAILED;
 * any of them -> (shutdown) SHUTDOWN once that is desired.
 */
export type TaskStep =
  | { readonly kind: "enter"; readonly state: TaskState; readonly message: string }
  | { readonly kind: "prepare" }
  | { readonly kind: "start" }
  | { readonly kind: "wait" }
  | { readonly kind: "shutdown" }
  /** Nothing until the assignment changes. */
  | { readonly kind: "idle" };

/** Pure: what to do for a task that is in `observed` and shall come to `desired`. */
export function nextTaskStep(desired: TaskState, observed: TaskState): TaskStep {
  if (isOver(observed)) return { kind: "idle" };
  if (desired === "SHUTDOWN" || desired === "REMOVE" || desired === "ORPHANED") {
    return { kind: "shutdown" };
  }
  switch (observed) {
    case "NEW":
    case "PENDING":
    case "ASSIGNED":
      return { kind: "enter", state: "ACCEPTED", message: "accepted" };
    case "ACCEPTED":
      return { kind: "enter", state: "PREPARING", message: "preparing" };
    case "PREPARING":
      return { kind: "prepare" };
    case "READY":
      return desired === "RUNNING" || desired === "COMPLETE"
        ? { kind: "enter", state: "STARTING", message: "starting" }
        : { kind: "idle" };
    case "STARTING":
      return { kind: "start" };
    case "RUNNING":
      return { kind: "wait" };
    default:
      return { kind: "idle" };
  }
}

function isOver(state: TaskState): boolean {
  return (
    state === "COMPLETE" ||
    state === "SHUTDOWN" ||
    state === "FAILED" ||
    state === "REJECTED" ||
    state === "REMOVE" ||
    state === "ORPHANED"
  );
}
