import { type Clock, sleep } from "../../base/clock.ts";
import type { RunState } from "./hand-made-record.ts";

const drainMaxMs = 5000;

/** What `docker wait` may wait for. */
export type WaitCondition = "not-running" | "next-exit" | "removed";

/** Those who wait for a container's end or removal, and those who still read its output. */
export class ExitWaiters {
  #exits: ((run: RunState) => void)[] = [];
  #removals: ((run: RunState) => void)[] = [];
  readonly #readers = new Set<Promise<void>>();
  isRemoved = false;

  /** The state after the next end; after the start that failed, too, for who came before it. */
  nextExit(): Promise<RunState> {
    return new Promise((resolve) => this.#exits.push(resolve));
  }

  removal(): Promise<RunState> {
    return new Promise((resolve) => this.#removals.push(resolve));
  }

  ended(run: RunState): void {
    const waiting = this.#exits;
    this.#exits = [];
    for (const resolve of waiting) resolve(run);
  }

  removed(run: RunState): void {
    this.isRemoved = true;
    this.ended(run);
    const waiting = this.#removals;
    this.#removals = [];
    for (const resolve of waiting) resolve(run);
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
