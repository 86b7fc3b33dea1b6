import type { ClusterError } from "../../base/errors.ts";

interface Waiter {
  readonly condition: () => boolean;
  readonly deadlineMs: number;
  readonly error: () => ClusterError;
  readonly resolve: () => void;
  readonly reject: (error: ClusterError) => void;
}

/** A few who wait until something is true; looked at after every step of the node. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  /** Resolves when `condition` holds at a `check`, rejects with `error()` once past the deadline. */
  until(condition: () => boolean, deadlineMs: number, error: () => ClusterError): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.add({ condition, deadlineMs, error, resolve, reject });
    });
  }

  check(nowMs: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.condition()) {
        this.#waiters.delete(waiter);
        waiter.resolve();
      } else if (nowMs >= waiter.deadlineMs) {
        this.#waiters.delete(waiter);
        waiter.reject(waiter.error());
      }
    }
  }

  fail(error: ClusterError): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }
}
