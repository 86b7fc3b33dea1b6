import { type Clock, sleep } from "../base/clock.ts";

/** Work at a stretch, cut by the clock: no synchronous stretch of the daemon may be longer than 10 ms. */
export class Slice {
  readonly #clock: Clock;
  readonly #lengthMs: number;
  #startMs: number;

  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
    this.#startMs = clock.monotonic();
  }

  isTimeUp(): boolean {
    return this.#clock.monotonic() - this.#startMs >= this.#lengthMs;
  }

  /** Lets others work, and begins the next slice. */
  async pause(): Promise<void> {
    await sleep(this.#clock, 0);
    this.#startMs = this.#clock.monotonic();
  }
}
