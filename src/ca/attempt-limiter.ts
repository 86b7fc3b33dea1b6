import type { Clock } from "../base/clock.ts";

const windowMs = 60_000;
const failuresMax = 20;
const hostsMax = 10_000;

/** Slows down guessing: after 20 failures within a minute a host must wait for the minute to end. */
export class AttemptLimiter {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #failures = new Map<string, { count: number; readonly sinceMs: number }>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  isBlocked(host: string): boolean {
    const entry = this.#failures.get(host);
    if (entry === undefined) return false;
    if (this.#clock.monotonic() - entry.sinceMs < windowMs) return entry.count >= failuresMax;
    this.#failures.delete(host);
    return false;
  }

  failed(host: string): void {
    const entry = this.#failures.get(host);
    const nowMs = this.#clock.monotonic();
    if (entry !== undefined && nowMs - entry.sinceMs < windowMs) {
      entry.count += 1;
      return;
    }
    this.#failures.delete(host);
    if (this.#failures.size >= hostsMax) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    this.#failures.set(host, { count: 1, sinceMs: nowMs });
  }
}
