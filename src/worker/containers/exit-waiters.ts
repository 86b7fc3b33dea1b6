import { type Clock, sleep } from "../../base/clock.ts";
import type { RunState } from "./hand-made-record.ts";

const drainMaxMs = 5000;

/** What `docker wait` may wait for. */
export type WaitCondition = "not-running" | "next-exit" | "removed";

/** Those who wait for a container's end or removal, and those who still read its output. */
export class ExitWaiters {
  // One for all who wait: a client that goes away leaves nothing behind.
  #exit = new Deferred();
  readonly #removal = new Deferred();
  readonly #readers = new Set<Promise<void>>();
  isRemoved = false;

  /** The state after the next end; after a start that failed, too, for who came before it. */
  nextExit(): Promise<RunState> {
    return this.#exit.promise;
  }

  removal(): Promise<RunState> {
    return this.#removal.promise;
  }

  ended(run: RunState): void {
    const exit = this.#exit;
    this.#exit = new Deferred();
    exit.resolve(run);
  }

  removed(run: RunState): void {
    this.isRemoved = true;
    this.ended(run);
    this.#removal.resolve(run);
  }

  /** Somebody reads its output until then. */
  reads(done: Promise<void>): void {
    this.#readers.add(done);
    void done.then(() => this.#readers.delete(done));
  }

  /** Resolves when nobody reads any more, or after 5 s: an open log can be read on. */
  async drained(clock: Clock): Promise<void> {
    if (this.#readers.size === 0) return;
    const late = new AbortController();
    const waited = sleep(clock, drainMaxMs, late.signal).catch(() => undefined);
    await Promise.race([Promise.all(this.#readers), waited]);
    late.abort();
  }
}

class Deferred {
  resolve: (run: RunState) => void = () => {};
  readonly promise = new Promise<RunState>((resolve) => {
    this.resolve = resolve;
  });
}
