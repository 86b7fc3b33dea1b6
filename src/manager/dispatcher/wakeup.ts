/** Lets one loop sleep until something happens; what happens while it works is not lost. */
export class Wakeup {
  #isSet = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#isSet = true;
    this.#resolve?.();
  }

  /** Resolves at the next `wake`, at once if one came since the last wait, or when `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#isSet && !signal.aborted) {
      const onAbort = (): void => this.#resolve?.();
      signal.addEventListener("abort", onAbort, { once: true });
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
      signal.removeEventListener("abort", onAbort);
      this.#resolve = undefined;
    }
    this.#isSet = false;
  }
}
