import { BigMap } from "../../base/big-map.ts";

const none: readonly never[] = [];

/**
 * Finds objects by something else than their id; an object may stand under several keys. One that is alone under its key, as nearly
 * every task in its slot, costs no map of its own.
 */
export class SecondaryIndex<T extends { readonly id: string }, K extends string | number = string> {
  readonly #keysOf: (object: T) => readonly K[];
  readonly #groups = new BigMap<K, T | BigMap<string, T>>();

  constructor(keysOf: (object: T) => readonly K[]) {
    this.#keysOf = keysOf;
  }

  /** How many keys have an object. */
  get size(): number {
    return this.#groups.size;
  }

  /** The objects under a key, in the order in which they came under it while there are less than thousands. To be read at once. */
  get(key: K): Iterable<T> {
    const group = this.#groups.get(key);
    if (group === undefined) return none;
    return group instanceof BigMap ? group.values() : [group];
  }

  /** Puts `next` where `previous` was; either may be absent. */
  replace(previous: T | undefined, next: T | undefined): void {
    const oldKeys = previous === undefined ? [] : this.#keysOf(previous);
    const newKeys = next === undefined ? [] : this.#keysOf(next);
    if (previous !== undefined) {
      for (const key of oldKeys) if (!newKeys.includes(key)) this.#remove(key, previous.id);
    }
    if (next !== undefined) for (const key of newKeys) this.#add(key, next);
  }

  #add(key: K, object: T): void {
    const group = this.#groups.get(key);
    if (group instanceof BigMap) {
      group.set(object.id, object);
    } else if (group === undefined || group.id === object.id) {
      this.#groups.set(key, object);
    } else {
      const both = new BigMap<string, T>().set(group.id, group).set(object.id, object);
      this.#groups.set(key, both);
    }
  }

  #remove(key: K, id: string): void {
    const group = this.#groups.get(key);
    if (!(group instanceof BigMap)) {
      if (group?.id === id) this.#groups.delete(key);
      return;
    }
    group.delete(id);
    if (group.size > 1) return;
    for (const last of group.values()) this.#groups.set(key, last);
  }
}
