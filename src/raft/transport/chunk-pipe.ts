/** Hands chunks from who receives them to who stores them, one at a time. */
export class ChunkPipe implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #isEnded = false;
  #failure: unknown;
  #onGiven: () => void = () => {};
  /** Those who wait until the place for a chunk is free. */
  #waiting: (() => void)[] = [];

  /** Resolves when the chunk was taken, or will never be. */
  async push(chunk: Uint8Array): Promise<void> {
    while (this.#chunk !== undefined && !this.#isEnded) await this.#taken();
    if (this.#isEnded) return;
    this.#chunk = chunk;
    this.#onGiven();
    await this.#taken();
  }

  /** No more chunks come; with an error, those that read get it. */
  end(failure?: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    this.#onGiven();
    this.#free();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunk;
      if (chunk !== undefined) {
        this.#chunk = undefined;
        this.#free();
        yield chunk;
      } else if (this.#isEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#onGiven = resolve;
        });
      }
    }
  }

  #taken(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #free(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
