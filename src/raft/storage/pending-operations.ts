import { CompactMemory } from "./compact-memory.ts";
import type { Operation } from "./segment-record.ts";

/** Operations of one batch of the database: a large one would hold the event loop up. */
const batchOperationsMax = 500;

/** What the database has yet to be told: of each key only the newest. */
export class PendingOperations {
  readonly #batchMax: number;
  readonly #memory = new CompactMemory();
  #operations = new Map<string, Operation>();
  #records = 0;
  #bytes = 0;

  constructor(batchMax: number = batchOperationsMax) {
    this.#batchMax = batchMax;
  }

  /** Writes that were added since the last `take`. */
  get records(): number {
    return this.#records;
  }

  /** Their values. */
  get bytes(): number {
    return this.#bytes;
  }

  add(operations: readonly Operation[]): void {
    this.#records += 1;
    for (const operation of operations) {
      const name = operation.key.toString("latin1");
      this.#operations.delete(name); // so that it comes last
      const key = this.#memory.copy(operation.key);
      if (operation.type === "del") {
        this.#operations.set(name, { type: "del", key });
        continue;
      }
      const value = this.#memory.copy(operation.value);
      this.#operations.set(name, { type: "put", key, value });
      this.#bytes += value.length;
    }
  }

  /**
   * All of them, in batches, oldest first. With each but the last one the database is between two writes; doing those writes again
   * makes it whole, since no operation depends on what was there.
   */
  take(): Operation[][] {
    const all = [...this.#operations.values()];
    this.#operations = new Map();
    this.#records = 0;
    this.#bytes = 0;
    const batches: Operation[][] = [];
    for (let at = 0; at < all.length; at += this.#batchMax) {
      batches.push(all.slice(at, at + this.#batchMax));
    }
    return batches;
  }
}
