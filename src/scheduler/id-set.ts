const shardCount = 64;

/** A set of ids for hundreds of thousands of them: no single `add` or `delete` has to lay out all again, as those of one big Set do. */
export class IdSet implements Iterable<string> {
  readonly #shards: readonly Set<string>[] = Array.from({ length: shardCount }, () => new Set());
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(id: string): boolean {
    return this.#size > 0 && this.#shardOf(id).has(id);
  }

  /** False when it was there before. */
  add(id: string): boolean {
    const shard = this.#shardOf(id);
    if (shard.has(id)) return false;
    shard.add(id);
    this.#size += 1;
    return true;
  }

  /** False when it was not there. */
  delete(id: string): boolean {
    if (this.#size === 0) return false;
    const isGone = this.#shardOf(id).delete(id);
    if (isGone) this.#size -= 1;
    return isGone;
  }

  *[Symbol.iterator](): Iterator<string> {
    for (const shard of this.#shards) yield* shard;
  }

  #shardOf(id: string): Set<string> {
    const last = id.length - 1;
    const mixed = id.charCodeAt(last) * 31 + id.charCodeAt(last - 1);
    // An id of one letter has no letter before it: NaN, which becomes 0.
    return this.#shards[(mixed | 0) % shardCount] as Set<string>;
  }
}
