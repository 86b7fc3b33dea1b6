import { setImmediate } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";

/** Work at a stretch, cut by the clock: no synchronous stretch of the daemon may be longer than 10 ms. */
export class Slice {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #lengthMs: number;
  #startMs: number;

  constructor(clock: Pick<Clock, "monotonic">, lengthMs: number) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
    this.#startMs = clock.monotonic();
  }

  isTimeUp(): boolean {
    return this.#clock.monotonic() - this.#startMs >= this.#lengthMs;
  }

  /** Lets others work, and begins the next slice. Takes no time when nobody has anything to do: a timer would take a millisecond. */
  async pause(): Promise<void> {
    await setImmediate();
    this.#startMs = this.#clock.monotonic();
  }
}
