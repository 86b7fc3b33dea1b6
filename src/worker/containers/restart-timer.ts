import type { Clock, Timer } from "../../base/clock.ts";

/** The one restart that a container may have before it, and how long it had to wait. */
export class RestartTimer {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  /** 0 after a start by hand. */
  lastDelayMs = 0;
  /** It comes, though its time is not set yet, or is over and the start is under way. */
  isDue = false;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isComing(): boolean {
    return this.isDue || this.#timer !== undefined;
  }

  /** Calls `fn` after `delayMs`, unless cancelled. Nothing after `close`. */
  set(delayMs: number, fn: () => void): void {
    this.isDue = false;
    if (this.#isClosed) return;
    this.lastDelayMs = delayMs;
    this.#timer = this.#clock.setTimer(delayMs, fn);
  }

  /** Whether there was a restart to come. */
  cancel(): boolean {
    const timer = this.#timer;
    this.#timer = undefined;
    timer?.cancel();
    return timer !== undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.cancel();
  }
}
