import type { Clock, Timer } from "../../base/clock.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { TaskStatus } from "../../gen/skep/TaskStatus.ts";
import type { TaskStatusUpdateInput } from "../../gen/skep/TaskStatusUpdate.ts";

const batchDelayMs = 5;
const updatesPerCallMax = 1_000;
const retryDelayMs = 250;

/** Sends a batch to the leader; rejects when it did not arrive. */
export type SendStatuses = (updates: TaskStatusUpdateInput[]) => Promise<void>;

/**
 * Tells the managers of the tasks' states. Keeps only the latest status of each task, sends it until a manager took it,
 * and sends everything again to a new leader, so that no state is lost in between.
 */
export class Reporter {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #pending = new Map<string, TaskStatus>();
  #send: SendStatuses | undefined;
  #timer: Timer | undefined;
  #sending = false;

  constructor(deps: { clock: Clock; log: Logger }) {
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  report(taskId: string, status: TaskStatus): void {
    this.#pending.set(taskId, status);
    this.#schedule(batchDelayMs);
  }

  /** A session began: `known` (every task's latest status) goes to the new leader. */
  connected(send: SendStatuses, known: Iterable<readonly [string, TaskStatus]>): void {
    for (const [taskId, status] of known) {
      if (!this.#pending.has(taskId)) this.#pending.set(taskId, status);
    }
    this.#send = send;
    this.#schedule(0);
  }

  disconnected(): void {
    this.#send = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** How many statuses no manager has taken yet. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  #schedule(delayMs: number): void {
    if (this.#send === undefined || this.#sending || this.#timer !== undefined) return;
    if (this.#pending.size === 0) return;
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const send = this.#send;
    if (send === undefined) return;
    const batch = [...this.#pending].slice(0, updatesPerCallMax);
    this.#sending = true;
    let delayMs = 0;
    try {
      await send(batch.map(([taskId, status]) => ({ taskId, status })));
      for (const [taskId, status] of batch) {
        if (this.#pending.get(taskId) === status) this.#pending.delete(taskId);
      }
    } catch (error) {
      delayMs = retryDelayMs;
      this.#log.debug({ err: errorMessage(error) }, "task states not taken, will be sent again");
    } finally {
      this.#sending = false;
    }
    this.#schedule(delayMs);
  }
}
