export interface CoreLoopDeps {
  /** False once the node has stopped. */
  readonly isRunning: () => boolean;
  /** Whether a write of the log is under way. */
  readonly isWriting: () => boolean;
  readonly hasWork: () => boolean;
  /** Takes one piece of work out of the core and puts it into effect. */
  readonly step: () => void;
  /** After each pass. */
  readonly afterPass: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** When the core's work is done: together for all that arrives in one turn, and batched behind a write that is under way. */
export class CoreLoop {
  readonly #deps: CoreLoopDeps;
  #scheduled = false;
  #running = false;

  constructor(deps: CoreLoopDeps) {
    this.#deps = deps;
  }

  /** Runs something that may give the core work to hand out. */
  enter(change: () => void): void {
    if (!this.#deps.isRunning()) return;
    try {
      change();
      this.schedule();
    } catch (error) {
      this.#deps.onFailure(error);
    }
  }

  /** A microtask: everything that arrives in this turn of the event loop goes together. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.run(false);
    });
  }

  /**
   * While a write is under way, work gathers: the next one then takes all of it, and each follower gets
   * one message instead of many. A tick does not wait, so heartbeats pass a slow disk.
   */
  run(evenWhileWriting: boolean): void {
    if (this.#running) return;
    const { isRunning, isWriting, hasWork, step, afterPass, onFailure } = this.#deps;
    this.#running = true;
    try {
      while (isRunning() && hasWork()) {
        if (isWriting() && !evenWhileWriting) break;
        step();
      }
      afterPass();
    } catch (error) {
      onFailure(error);
    } finally {
      this.#running = false;
    }
  }
}
