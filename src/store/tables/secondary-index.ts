const none: ReadonlyMap<string, never> = new Map<string, never>();

/** Finds objects by something else than their id; an object may stand under several keys. */
export class SecondaryIndex<T extends { readonly id: string }> {
  readonly #keysOf: (object: T) => readonly string[];
  readonly #groups = new Map<string, Map<string, T>>();

  constructor(keysOf: (object: T) => readonly string[]) {
    this.#keysOf = keysOf;
  }

  /** The objects under a key, by id, in the order in which they came under it. Shows later changes. */
  get(key: string): ReadonlyMap<string, T> {
    return this.#groups.get(key) ?? none;
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

  #add(key: string, object: T): void {
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, new Map([[object.id, object]]));
    else group.set(object.id, object);
  }

  #remove(key: string, id: string): void {
    const group = this.#groups.get(key);
    if (group === undefined) return;
    group.delete(id);
    if (group.size === 0) this.#groups.delete(key);
  }
}
