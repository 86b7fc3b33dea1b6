/** One map up to here, many from here on: to lay out again this many entries takes well under a millisecond. */
const splitSize = 4_096;
/** A power of two. */
const shardCount = 256;

/**
 * A map for up to millions of entries. V8 lays out all of a Map anew whenever it has doubled, or half of it was deleted: of 100,000 entries
 * that is a stretch of 6 to 10 ms, of a million one of 150. Here no step touches more than a shard's.
 *
 * Values come in the order in which they were put in as long as there were never more than 4,096; then in no particular one.
 */
export class BigMap<K extends string | number, V> {
  #first = new Map<K, V>();
  #shards: readonly Map<K, V>[] | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    return this.#mapOf(key).get(key);
  }

  has(key: K): boolean {
    return this.#mapOf(key).has(key);
  }

  set(key: K, value: V): this {
    const map = this.#mapOf(key);
    const before = map.size;
    map.set(key, value);
    this.#size += map.size - before;
    if (this.#size > splitSize && this.#shards === undefined) this.#split();
    return this;
  }

  /** False when it was not there. */
  delete(key: K): boolean {
    const wasThere = this.#mapOf(key).delete(key);
    if (wasThere) this.#size -= 1;
    return wasThere;
  }

  /** May be read while entries change: what stays is given; what is put in, replaced or deleted meanwhile may be given as it was, or not at all. */
  values(): IterableIterator<V> {
    return this.#shards === undefined ? this.#first.values() : new ShardValues(this.#shards);
  }

  /** All values as of now; a hundred thousand in a millisecond or two. */
  toArray(): V[] {
    if (this.#shards === undefined) return [...this.#first.values()];
    return ([] as V[]).concat(...this.#shards.map((shard) => [...shard.values()]));
  }

  #mapOf(key: K): Map<K, V> {
    return this.#shards?.[shardOf(key)] ?? this.#first;
  }

  #split(): void {
    const shards = Array.from({ length: shardCount }, () => new Map<K, V>());
    for (const [key, value] of this.#first) shards[shardOf(key)]?.set(key, value);
    this.#shards = shards;
    // Not emptied, as someone may be reading it.
    this.#first = new Map();
  }
}

/**
 * One shard's values after another's, each as an array of the moment: a generator, or the iterator of each map within this one, takes V8 several times as
 * long for each value.
 */
class ShardValues<V> implements IterableIterator<V> {
  readonly #shards: readonly ReadonlyMap<unknown, V>[];
  #shard = 0;
  #values: readonly V[] = [];
  #at = 0;

  constructor(shards: readonly ReadonlyMap<unknown, V>[]) {
    this.#shards = shards;
  }

  next(): IteratorResult<V, undefined> {
    while (this.#at >= this.#values.length) {
      const shard = this.#shards[this.#shard];
      if (shard === undefined) return { done: true, value: undefined };
      this.#shard += 1;
      this.#values = [...shard.values()];
      this.#at = 0;
    }
    const value = this.#values[this.#at] as V;
    this.#at += 1;
    return { done: false, value };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/** Ids are random, or counted, at their end. */
function shardOf(key: string | number): number {
  if (typeof key === "number") return key & (shardCount - 1);
  const last = key.length - 1;
  const mixed =
    key.charCodeAt(last) + key.charCodeAt(last - 1) * 31 + key.charCodeAt(last - 2) * 961;
  // A short key has no such letters: NaN, of which & makes 0.
  return mixed & (shardCount - 1);
}
