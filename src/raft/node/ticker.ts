import type { Clock, Timer } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";

export interface TickerOptions {
  readonly tickMs: number;
  /** How many ticks are made up for at most after the process stood still. */
  readonly catchUpTicksMax: number;
}

/**
 * Raft's clock. Ticks come at fixed times from a random origin, so that members do not tick in step
 * and no delay adds up. After a stall the inbox gets its turn first (the leader's heartbeats may be in
 * it), then at most `catchUpTicksMax` ticks are made up for.
 */
export class Ticker {
  readonly #options: TickerOptions;
  readonly #clock: Clock;
  readonly #onTick: () => void;
  readonly #originMs: number;
  #done = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: TickerOptions, clock: Clock, random: Random, onTick: () => void) {
    this.#options = options;
    this.#clock = clock;
    this.#onTick = onTick;
    this.#originMs = clock.monotonic() + random.float() * options.tickMs;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#stopped) return;
    const nextMs = this.#originMs + (this.#done + 1) * this.#options.tickMs;
    this.#timer = this.#clock.setTimer(nextMs - this.#clock.monotonic(), () => this.#fire());
  }

  #fire(): void {
    // Timers may fire a fraction of a millisecond early.
    const sinceMs = this.#clock.monotonic() - this.#originMs;
    const due = Math.max(this.#done + 1, Math.floor(sinceMs / this.#options.tickMs));
    const missed = due - this.#done;
    this.#done = due;
    if (missed === 1) {
      this.#onTick();
      this.#arm();
      return;
    }
    setImmediate(() => {
      for (let i = 0; i < Math.min(missed, this.#options.catchUpTicksMax); i += 1) {
        if (!this.#stopped) this.#onTick();
      }
      this.#arm();
    });
  }
}
