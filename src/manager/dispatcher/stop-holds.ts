import type { Clock, Timer } from "../../base/clock.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { isServing } from "../../model/endpoint-assignments.ts";
import { taskStateOrder } from "../../model/task-state.ts";
import type { StoreEvent } from "../../store/objects.ts";

/** No node delays a stop for longer. */
export const holdMaxMs = 2_000;

interface Hold {
  readonly task: Task;
  /** Which message each of these must have put into effect. */
  readonly waitingFor: Map<Acknowledger, number>;
  readonly timer: Timer;
}

/** Who acknowledges messages: the assignments of a node with a session. */
export interface Acknowledger {
  readonly nodeId: string;
  readonly sequence: number;
  readonly isComplete: boolean;
  readonly interests: { readonly networks: ReadonlySet<string> };
}

/** The task, if this change takes it out of service while it still runs and others may be sending it work. */
export function leavesService(event: StoreEvent): Task | undefined {
  if (event.table !== "task" || event.kind !== "update" || event.previous === undefined)
    return undefined;
  const { object: task, previous } = event;
  const isStopping =
    isServing(previous) &&
    task.status?.state === "RUNNING" &&
    taskStateOrder(task.desiredState) > taskStateOrder("COMPLETE");
  return isStopping && task.networks.length > 0 ? task : undefined;
}

/**
 * The stop order: a task that goes out of service hears of it only after every node that may send it work has taken it out of its
 * balancers and DNS, or after 2 s.
 */
export class StopHolds {
  readonly #clock: Clock;
  readonly #onRelease: (task: Task) => void;
  readonly #holds = new Map<string, Hold>();

  constructor(deps: { readonly clock: Clock; readonly onRelease: (task: Task) => void }) {
    this.#clock = deps.clock;
    this.#onRelease = deps.onRelease;
  }

  has(taskId: string): boolean {
    return this.#holds.has(taskId);
  }

  /** `sessions` must get the task's endpoints in their next message. */
  hold(task: Task, sessions: Iterable<Acknowledger>): void {
    const networks = task.networks.map(({ networkId }) => networkId);
    const waitingFor = new Map<Acknowledger, number>();
    for (const session of sessions) {
      if (session.isComplete && networks.some((id) => session.interests.networks.has(id))) {
        waitingFor.set(session, session.sequence + 1);
      }
    }
    if (waitingFor.size === 0) return;
    this.#holds.get(task.id)?.timer.cancel();
    const timer = this.#clock.setTimer(holdMaxMs, () => this.#release(task.id));
    this.#holds.set(task.id, { task, waitingFor, timer });
  }

  /** The session has put into effect everything up to message `sequence`. */
  acknowledged(session: Acknowledger, sequence: number): void {
    for (const [taskId, { waitingFor }] of this.#holds) {
      const wanted = waitingFor.get(session);
      if (wanted === undefined || wanted > sequence) continue;
      waitingFor.delete(session);
      if (waitingFor.size === 0) this.#release(taskId);
    }
  }

  /** The session is over: nobody waits for it. */
  gone(session: Acknowledger): void {
    this.acknowledged(session, Number.POSITIVE_INFINITY);
  }

  stop(): void {
    for (const { timer } of this.#holds.values()) timer.cancel();
    this.#holds.clear();
  }

  #release(taskId: string): void {
    const hold = this.#holds.get(taskId);
    if (hold === undefined) return;
    hold.timer.cancel();
    this.#holds.delete(taskId);
    this.#onRelease(hold.task);
  }
}
