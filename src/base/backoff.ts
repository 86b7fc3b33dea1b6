import type { Random } from "./random.ts";

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly random: Random;
}

/** Exponential back-off with full jitter in the upper half of each step. */
export class Backoff {
  readonly #options: BackoffOptions;
  #stepMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#stepMs = options.initialMs;
  }

  /** How long to wait before the next try, in milliseconds. */
  nextMs(): number {
    const step = this.#stepMs;
    this.#stepMs = Math.min(step * 2, this.#options.maxMs);
    return step / 2 + this.#options.random.float() * (step / 2);
  }

  reset(): void {
    this.#stepMs = this.#options.initialMs;
  }
}
