import type { Logger } from "../../base/log.ts";

/** Notices when a write of the log does not end, and says so once each time. */
export class DiskWatch {
  readonly #limitMs: number;
  readonly #pendingMs: () => number;
  readonly #log: Logger;
  #told = false;

  /** `pendingMs`: for how long the write under way has been running, 0 without one. */
  constructor(limitMs: number, pendingMs: () => number, log: Logger) {
    this.#limitMs = limitMs;
    this.#pendingMs = pendingMs;
    this.#log = log;
  }

  get isStuck(): boolean {
    return this.#pendingMs() > this.#limitMs;
  }

  /** To be called now and then: logs the begin and the end of a hang. Gives whether there is one. */
  check(): boolean {
    const stuck = this.isStuck;
    if (stuck && !this.#told) {
      this.#log.error({ pendingMs: this.#pendingMs() }, "the disk of the raft log hangs");
    }
    if (!stuck && this.#told) this.#log.info({}, "the disk of the raft log answers again");
    this.#told = stuck;
    return stuck;
  }
}
