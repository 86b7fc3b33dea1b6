import type { Clock } from "../base/clock.ts";
import type { WatchMessage } from "../gen/skep/WatchMessage.ts";
import { timestampMs } from "../model/time.ts";
import type { Store } from "../store/store.ts";
import { describeEvent } from "./control/watch.ts";

/** How many events a manager keeps; the oldest make room. Docker keeps 256. */
export const keptEventsMax = 1_000;

/** The cluster's last events, as this manager saw them since it was started: what `events --since` shows again. */
export class EventHistory {
  readonly #clock: Pick<Clock, "now">;
  readonly #events: WatchMessage[] = [];
  #unsubscribe: () => void = () => {};

  constructor(deps: { readonly clock: Pick<Clock, "now"> }) {
    this.#clock = deps.clock;
  }

  /** Begins to keep what the store tells. Not before the store has its old state back: that is no news. */
  start(store: Pick<Store, "subscribe">): void {
    this.stop();
    this.#unsubscribe = store.subscribe((events) => {
      for (const event of events) {
        const message = describeEvent(event, this.#clock.now());
        if (message !== undefined) this.#events.push(message);
      }
      const tooMany = this.#events.length - keptEventsMax;
      if (tooMany > 0) this.#events.splice(0, tooMany);
    });
  }

  /** Keeps what it has, and takes nothing more. */
  stop(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
  }

  /** What is kept of `sinceMs` and later, oldest first. */
  since(sinceMs: number): WatchMessage[] {
    return this.#events.filter(({ time }) => timestampMs(time) >= sinceMs);
  }
}
