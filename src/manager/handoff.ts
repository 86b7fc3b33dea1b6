import { ClusterError } from "../base/errors.ts";

const itemsMax = 16;

/** Passes items from one writer to one reader; a writer that is ahead by 16 items waits. */
export class Handoff<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];
  #isClosed = false;
  #error: unknown;

  /** CANCELLED once the reader has gone. */
  async push(item: T): Promise<void> {
    while (this.#items.length >= itemsMax && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wakeWriters.push(resolve);
      });
    }
    if (this.#isClosed) throw new ClusterError("CANCELLED", "nobody reads any more");
    this.#items.push(item);
    this.#wakeReader?.();
  }

  /** The reader gets what is there, then the end, or `error`. */
  close(error?: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = error;
    this.#wakeReader?.();
    this.#releaseWriters();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) {
        for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) {
          this.#releaseWriters();
          yield item;
        }
        if (this.#isClosed) break;
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
      if (this.#error !== undefined) throw this.#error;
    } finally {
      this.close();
    }
  }

  #releaseWriters(): void {
    for (const wake of this.#wakeWriters.splice(0)) wake();
  }
}
