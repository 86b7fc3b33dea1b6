/**
 * Runs one piece of work at a time. Requests made while it runs share one further run, so each request is
 * answered by a run that began after it.
 */
export class CoalescedRun {
  readonly #work: () => Promise<void>;
  #waiting: Promise<void> | undefined;
  #tail: Promise<void> = Promise.resolve();

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves or rejects with a run that begins after this call. */
  request(): Promise<void> {
    this.#waiting ??= this.#tail.then(() => {
      this.#waiting = undefined;
      const run = this.#work();
      this.#tail = run.catch(() => {});
      return run;
    });
    return this.#waiting;
  }

  /** Resolves when nothing runs or waits. */
  async idle(): Promise<void> {
    while (this.#waiting !== undefined) await this.#waiting.catch(() => {});
    await this.#tail;
  }
}
