/** Longer than this on average, and this thread has better things to do; milliseconds. */
const meanMsMax = 1;
/** Before anything is known. */
const meanMsAtFirst = 0.5;
/** Share of the newest write in the average. */
const weight = 1 / 16;
/** So many writes go to another thread before it is tried again. */
const writesElsewhere = 64;
/** A larger record is of many writes at once: then this thread has other work meanwhile. */
const bytesMax = 4 * 1024;

/**
 * Whether a write is done on the thread that asks for it, which stands still meanwhile. Waking another thread for it, and being woken when
 * it is done, takes as long as a quick disk needs for the write itself. On a slow disk writes go elsewhere, but for a try now and then.
 */
export class WritePace {
  #meanMs = meanMsAtFirst;
  #elsewhere = 0;

  /** For the next write, of so many bytes. */
  isInline(bytes: number): boolean {
    return this.#elsewhere === 0 && bytes <= bytesMax;
  }

  /** How long the last write took, milliseconds. */
  took(elapsedMs: number, wasInline: boolean): void {
    if (!wasInline) {
      this.#elsewhere = Math.max(0, this.#elsewhere - 1);
      return;
    }
    this.#meanMs += (elapsedMs - this.#meanMs) * weight;
    if (this.#meanMs <= meanMsMax) return;
    this.#meanMs = meanMsAtFirst;
    this.#elsewhere = writesElsewhere;
  }
}
