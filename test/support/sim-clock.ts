import type { Clock, Timer } from "../../src/base/clock.ts";
import type { SimProcess, Timeline } from "./sim-timeline.ts";

const epochMs = 1_700_000_000_000;

/** A host's own idea of time: its monotonic clock may run fast or slow, and its wall clock (which NTP keeps from drifting) may be off. */
export class HostClock {
  readonly #timeline: Timeline;
  #rate = 1;
  #baseMs = 0;
  #sinceMs = 0;
  #wallOffsetMs = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** Ticks this many milliseconds a true one from now on. */
  setRate(rate: number): void {
    this.#baseMs = this.#monotonic();
    this.#sinceMs = this.#timeline.nowMs;
    this.#rate = rate;
  }

  /** Its wall clock is off by this much from now on. */
  setWallOffset(ms: number): void {
    this.#wallOffsetMs = ms;
  }

  /** The clock as a process on this host sees it; its timers end with it. */
  of(process: SimProcess): Clock {
    return {
      now: () => epochMs + this.#timeline.nowMs + this.#wallOffsetMs,
      monotonic: () => this.#monotonic(),
      setTimer: (delayMs, fn): Timer => {
        const cancel = this.#timeline.plan(Math.max(0, delayMs) / this.#rate, process, "timer", fn);
        return { cancel };
      },
    };
  }

  #monotonic(): number {
    return this.#baseMs + (this.#timeline.nowMs - this.#sinceMs) * this.#rate;
  }
}
