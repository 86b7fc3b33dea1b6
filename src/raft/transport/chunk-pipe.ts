/** Hands chunks from who receives them to who stores them, one at a time. */
export class ChunkPipe implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #isEnded = false;
  #failure: unknown;
  #onGiven: () => void = () => {};
  #onTaken: () => void = () => {};

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
    this.#onTaken();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunk;
      if (chunk !== undefined) {
        this.#chunk = undefined;
        this.#onTaken();
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
    const before = this.#onTaken;
    return new Promise((resolve) => {
      this.#onTaken = () => {
        before();
        resolve();
      };
    });
  }
}
