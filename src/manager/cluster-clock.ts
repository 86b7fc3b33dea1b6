import type { Clock, Timer } from "../base/clock.ts";
import { timestampMs } from "../model/time.ts";
import type { StoreEvent } from "../store/objects.ts";
import type { Store } from "../store/store.ts";

/** How fast the cluster's time goes while it is ahead of the wall clock: 5 minutes are caught up in 100. */
const pace = 0.95;

/** A time that was seen in the state, and when. */
export interface Mark {
  readonly ms: number;
  readonly atMonotonicMs: number;
}

/** What the clocks of this host say. */
export interface Here {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** The cluster's time: the wall clock's, or what has come of the mark since if that is later. */
export function clusterTimeMs(mark: Mark, here: Here): number {
  return Math.max(here.wallMs, mark.ms + (here.monotonicMs - mark.atMonotonicMs) * pace);
}

/** The mark after something was seen that was written at `stampMs`. */
export function markAfter(mark: Mark, stampMs: number, { monotonicMs }: Here): Mark {
  const isNewest = stampMs > clusterTimeMs(mark, { wallMs: 0, monotonicMs });
  return isNewest ? { ms: stampMs, atMonotonicMs: monotonicMs } : mark;
}

/**
 * The wall clock that leaders write times by, and compare them with. `now` is never before a time that is in the replicated state: so
 * time goes on where the leader before left it though its clock was minutes ahead, waits (a restart's delay, an update's monitor) last as
 * long as asked, and what was written later has the later time. What it is ahead melts away slowly. When the leader before was behind, time makes
 * one step forward, and a wait of then ends early.
 */
export class ClusterClock implements Clock {
  readonly #clock: Clock;
  #mark: Mark = { ms: 0, atMonotonicMs: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches the times of all that is applied to the store. */
  follow(store: Pick<Store, "subscribe">): void {
    store.subscribe((events) => this.#observe(events));
  }

  now(): number {
    return Math.floor(clusterTimeMs(this.#mark, this.#here()));
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    return this.#clock.setTimer(delayMs, fn);
  }

  #observe(events: readonly StoreEvent[]): void {
    let stampMs = 0;
    for (const { object } of events) {
      const ms = timestampMs(object.meta?.updatedAt);
      if (ms > stampMs) stampMs = ms;
    }
    this.#mark = markAfter(this.#mark, stampMs, this.#here());
  }

  #here(): Here {
    return { wallMs: this.#clock.now(), monotonicMs: this.#clock.monotonic() };
  }
}
