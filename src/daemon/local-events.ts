import { BoundedQueue } from "../base/bounded-queue.ts";
import type { Clock } from "../base/clock.ts";
import type { LocalEvent } from "../rest/backend.ts";

const keptMax = 1_000;
const listenerQueueMax = 10_000;

/** What happened on this node lately: the last 1,000 events, and those who listen for more. */
export class LocalEvents {
  readonly #clock: Clock;
  readonly #onEvent: () => void;
  readonly #kept: LocalEvent[] = [];
  readonly #listeners = new Set<BoundedQueue<LocalEvent>>();

  /** `onEvent` is called at each event, to count them. */
  constructor(clock: Clock, onEvent: () => void = () => {}) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  emit(
    type: string,
    action: string,
    id: string,
    attributes: Readonly<Record<string, string>> = {},
  ): void {
    const event = { type, action, id, attributes, atMs: this.#clock.now() };
    this.#onEvent();
    this.#kept.push(event);
    if (this.#kept.length > keptMax) this.#kept.shift();
    for (const listener of this.#listeners) listener.push(event);
  }

  /** Those kept since `sinceMs` (none when undefined), then new ones until aborted. A slow reader loses the oldest. */
  async *follow(
    sinceMs: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<LocalEvent, void, void> {
    const queue = new BoundedQueue<LocalEvent>({
      itemsMax: listenerQueueMax,
      onFull: "drop-oldest",
    });
    const earlier = sinceMs === undefined ? [] : this.#kept.filter(({ atMs }) => atMs >= sinceMs);
    this.#listeners.add(queue);
    const close = (): void => queue.close();
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) close();
    try {
      yield* earlier;
      yield* queue;
    } finally {
      signal.removeEventListener("abort", close);
      this.#listeners.delete(queue);
    }
  }
}
