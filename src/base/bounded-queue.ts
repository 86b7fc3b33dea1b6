import { assert } from "./assert.ts";

export interface BoundedQueueOptions {
  readonly itemsMax: number;
  /** What `push` does on a full queue. `refuse` makes it return false. */
  readonly onFull: "drop-oldest" | "drop-newest" | "refuse";
}

/** A queue with a limit, read as an async iterable by one consumer. */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #options: BoundedQueueOptions;
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  #dropped = 0;

  constructor(options: BoundedQueueOptions) {
    assert(options.itemsMax > 0, "a bounded queue holds at least one item");
    this.#options = options;
  }

  /** False when the item was not taken (full with `refuse` or `drop-newest`, or closed). */
  push(item: T): boolean {
    if (this.#closed) return false;
    if (this.#items.length >= this.#options.itemsMax) {
      if (this.#options.onFull !== "drop-oldest") {
        this.#dropped += 1;
        return false;
      }
      this.#items.shift();
      this.#dropped += 1;
    }
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** Takes what is there, up to `max` items, without waiting. */
  drain(max: number = Number.POSITIVE_INFINITY): T[] {
    return this.#items.splice(0, Math.min(max, this.#items.length));
  }

  get size(): number {
    return this.#items.length;
  }

  /** How many items were dropped or refused so far. */
  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ends the iteration once what is queued has been read. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      while (this.#items.length > 0) yield this.#items.shift() as T;
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
