/** Work that several callers share while it runs; it is given up only when all of them have gone. */
export class SharedWork<Progress, Result> {
  readonly #running = new Map<string, Running<Progress, Result>>();

  /** Joins the work of this key or begins it. Rejects with the caller's own signal's reason when aborted. */
  async run(
    key: string,
    caller: { readonly onProgress: (progress: Progress) => void; readonly signal?: AbortSignal },
    work: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    caller.signal?.throwIfAborted();
    const running = this.#running.get(key) ?? this.#begin(key, work);
    running.listeners.add(caller.onProgress);
    let onAbort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(caller.signal?.reason);
      caller.signal?.addEventListener("abort", onAbort, { once: true });
    });
    try {
      return await Promise.race([running.result, aborted]);
    } finally {
      caller.signal?.removeEventListener("abort", onAbort);
      running.listeners.delete(caller.onProgress);
      if (running.listeners.size === 0) {
        if (this.#running.get(key) === running) this.#running.delete(key);
        running.controller.abort(new Error("nobody waits for it any more"));
      }
    }
  }

  #begin(
    key: string,
    work: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<Result>,
  ): Running<Progress, Result> {
    const listeners = new Set<(progress: Progress) => void>();
    const controller = new AbortController();
    const report = (progress: Progress) => {
      for (const listener of listeners) listener(progress);
    };
    const result = work(report, controller.signal);
    result.catch(() => {}); // Each caller sees it; all may have gone.
    const running = { listeners, controller, result };
    this.#running.set(key, running);
    return running;
  }
}

interface Running<Progress, Result> {
  readonly listeners: Set<(progress: Progress) => void>;
  readonly controller: AbortController;
  readonly result: Promise<Result>;
}
