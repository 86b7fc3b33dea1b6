import { isDeepStrictEqual } from "node:util";
import type { Clock, Timer } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { TaskStatus } from "../../gen/skep/TaskStatus.ts";
import type { TaskStatusUpdate } from "../../gen/skep/TaskStatusUpdate.ts";
import { isTerminal, taskStateOrder } from "../../model/task-state.ts";
import { toTimestamp } from "../../model/time.ts";
import type { Store } from "../../store/store.ts";

/** Statuses that come this close together are written together. */
const batchMs = 20;
const pendingMax = 50_000;

interface Pending {
  readonly nodeId: string;
  readonly status: TaskStatus;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

export interface StatusIntakeDeps {
  readonly store: Pick<Store, "batch">;
  /** This manager; written as who applied a status. */
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Takes what nodes say of their tasks into the store, many at a time. */
export class StatusIntake {
  readonly #deps: StatusIntakeDeps;
  readonly #log: Logger;
  #pending = new Map<string, Pending>();
  #waiters: Waiter[] = [];
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #stopped = false;

  constructor(deps: StatusIntakeDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ module: "status-intake" });
  }

  /** Resolves when the statuses are written, or need not be. RESOURCE_EXHAUSTED with 50,000 waiting: send them again later. */
  take(nodeId: string, updates: readonly TaskStatusUpdate[]): Promise<void> {
    if (this.#stopped) return Promise.reject(stopped());
    if (this.#pending.size + updates.length > pendingMax) {
      const text = `${pendingMax} task statuses wait to be written; send them again later`;
      return Promise.reject(new ClusterError("RESOURCE_EXHAUSTED", text));
    }
    for (const { taskId, status } of updates) {
      if (status === null) continue;
      // One node cannot push out what another says: what is not its own is dropped when written.
      this.#pending.set(`${nodeId}/${taskId}`, { nodeId, status });
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#schedule();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const { reject } of this.#waiters.splice(0)) reject(stopped());
    await this.#writing;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#writing !== undefined || this.#stopped) return;
    this.#timer = this.#deps.clock.setTimer(batchMs, () => {
      this.#timer = undefined;
      this.#writing = this.#flush().finally(() => {
        this.#writing = undefined;
        if (this.#waiters.length > 0) this.#schedule();
      });
    });
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    const waiters = this.#waiters;
    this.#pending = new Map();
    this.#waiters = [];
    const { store, clock, nodeId: managerId } = this.#deps;
    try {
      await store.batch(
        [...pending].map(([key, { nodeId, status }]) => (tx) => {
          const task = tx.get("task", key.slice(key.indexOf("/") + 1));
          const after = task && nextStatus(task, nodeId, status, { managerId, nowMs: clock.now() });
          if (task !== undefined && after !== undefined)
            tx.update("task", { ...task, status: after });
        }),
      );
      for (const { resolve } of waiters) resolve();
    } catch (error) {
      this.#log.debug({ err: error, count: pending.size }, "task statuses not written");
      for (const { reject } of waiters) reject(error);
    }
  }
}

/**
 * Pure: the status to write when `nodeId` says this of the task, or undefined: not its own task, a step back, after the end, or
 * nothing new. Keeps when the task was first seen running.
 */
export function nextStatus(
  task: Task,
  nodeId: string,
  said: TaskStatus,
  { managerId, nowMs }: { readonly managerId: string; readonly nowMs: number },
): TaskStatus | undefined {
  const before = task.status;
  const stateBefore = before?.state ?? "NEW";
  if (task.nodeId !== nodeId || isTerminal(stateBefore) || said.state === "REMOVE")
    return undefined;
  if (taskStateOrder(said.state) < taskStateOrder(stateBefore)) return undefined;
  const now = toTimestamp(nowMs);
  const firstRunning = said.state === "RUNNING" ? now : null;
  const after: TaskStatus = {
    ...said,
    appliedBy: managerId,
    appliedAt: now,
    runningAt: before?.runningAt ?? firstRunning,
  };
  return before !== null && saysTheSame(before, after) ? undefined : after;
}

function saysTheSame(a: TaskStatus, b: TaskStatus): boolean {
  const said = (status: TaskStatus): TaskStatus => ({
    ...status,
    timestamp: null,
    appliedBy: "",
    appliedAt: null,
  });
  return isDeepStrictEqual(said(a), said(b));
}

function stopped(): ClusterError {
  return new ClusterError("NOT_LEADER", "this manager no longer leads");
}
