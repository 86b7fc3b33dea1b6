import type { Clock } from "./clock.ts";

/** Takes figures of what happens, for those who watch the daemon. */
export interface Meter {
  /** One more figure of the histogram `name`, in base units (seconds, bytes). */
  observe(name: string, value: number): void;
}

/** Keeps nothing. */
export const noMeter: Meter = { observe: () => {} };

/** Gives the meter how long pieces of work took, seconds; those that failed do not count. */
export class Stopwatch {
  readonly #meter: Meter;
  readonly #clock: Pick<Clock, "monotonic">;

  constructor(meter: Meter, clock: Pick<Clock, "monotonic">) {
    this.#meter = meter;
    this.#clock = clock;
  }

  /** Times `work` until what it gives is settled. */
  async time<T>(name: string, work: () => Promise<T>): Promise<T> {
    const since = this.start(name);
    const result = await work();
    since();
    return result;
  }

  /** The returned function ends it. */
  start(name: string): () => void {
    const startMs = this.#clock.monotonic();
    return () => this.#meter.observe(name, (this.#clock.monotonic() - startMs) / 1000);
  }
}

/** Measures nothing. */
export const noStopwatch: Stopwatch = new Stopwatch(noMeter, { monotonic: () => 0 });
