import type { Task } from "../../gen/skep/Task.ts";
import type { TaskState } from "../../gen/skep/TaskState.ts";
import type { UpdateStatus } from "../../gen/skep/UpdateStatus.ts";

/** What a task may be told to become; it only ever moves to the right in READY, RUNNING, COMPLETE, SHUTDOWN, REMOVE. */
export type DesiredState = Extract<
  TaskState,
  "READY" | "RUNNING" | "COMPLETE" | "SHUTDOWN" | "REMOVE"
>;

/** Everything an orchestrating decision may ask for. `change-of-action.ts` carries it out. */
export type Action =
  | { readonly kind: "createTask"; readonly task: Task }
  | { readonly kind: "setDesired"; readonly taskId: string; readonly desired: DesiredState }
  /** Written for an agent that cannot say it itself (node lost) or must not decide it (constraints). */
  | {
      readonly kind: "setObserved";
      readonly taskId: string;
      readonly state: "REJECTED" | "ORPHANED";
      readonly message: string;
      readonly err: string;
    }
  | {
      readonly kind: "setUpdateStatus";
      readonly serviceId: string;
      /** The spec the decision was about; a newer one makes the action void. */
      readonly specVersion: number;
      readonly status: UpdateStatus;
    }
  /** Puts the previous spec back in place and starts a rollback. */
  | {
      readonly kind: "rollBack";
      readonly serviceId: string;
      readonly specVersion: number;
      readonly status: UpdateStatus;
    }
  | { readonly kind: "removeTask"; readonly taskId: string }
  | { readonly kind: "removeService"; readonly serviceId: string }
  /** Decide again at this time though nothing changes. */
  | { readonly kind: "wakeAt"; readonly atMs: number };

/** The earliest time any of the actions asks to be woken at. */
export function earliestWake(actions: readonly Action[]): number | undefined {
  let earliest: number | undefined;
  for (const action of actions) {
    if (action.kind === "wakeAt" && (earliest === undefined || action.atMs < earliest)) {
      earliest = action.atMs;
    }
  }
  return earliest;
}
