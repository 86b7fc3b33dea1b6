import { BigMap } from "../../base/big-map.ts";

/** What a table keeps up to date with its objects. */
export interface TableIndex<T> {
  replace(previous: T | undefined, next: T | undefined): void;
}

interface TableOptions<T extends { readonly id: string }> {
  /** Given for tables whose names are unique, without regard to case; an empty name is not held. */
  readonly nameOf?: (object: T) => string;
  readonly indexes?: readonly TableIndex<T>[];
}

/** One kind of object in memory, with its indexes. Checks nothing: see `check-changes.ts`. */
export class Table<T extends { readonly id: string }> {
  readonly #objects = new BigMap<string, T>();
  readonly #idOfName = new Map<string, string>();
  readonly #nameOf: ((object: T) => string) | undefined;
  readonly #indexes: readonly TableIndex<T>[];

  constructor(options: TableOptions<T> = {}) {
    this.#nameOf = options.nameOf;
    this.#indexes = options.indexes ?? [];
  }

  get size(): number {
    return this.#objects.size;
  }

  get(id: string): T | undefined {
    return this.#objects.get(id);
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  /** All objects as of now. */
  toArray(): readonly T[] {
    return this.#objects.toArray();
  }

  byName(name: string): T | undefined {
    const id = this.#idOfName.get(name.toLowerCase());
    return id === undefined ? undefined : this.#objects.get(id);
  }

  /** What no other object of the table may be called too; `undefined` when names are not unique here. */
  nameKeyOf(object: T): string | undefined {
    return this.#nameOf?.(object).toLowerCase() || undefined;
  }

  /** Adds or replaces; gives the object that was replaced. */
  put(object: T): T | undefined {
    const previous = this.#objects.get(object.id);
    if (previous !== undefined) this.#forgetName(previous);
    this.#objects.set(object.id, object);
    const name = this.nameKeyOf(object);
    if (name !== undefined) this.#idOfName.set(name, object.id);
    for (const index of this.#indexes) index.replace(previous, object);
    return previous;
  }

  /** Removes; gives the object that was there. */
  delete(id: string): T | undefined {
    const previous = this.#objects.get(id);
    if (previous === undefined) return undefined;
    this.#forgetName(previous);
    this.#objects.delete(id);
    for (const index of this.#indexes) index.replace(previous, undefined);
    return previous;
  }

  #forgetName(object: T): void {
    const name = this.nameKeyOf(object);
    // Two objects may change names within one entry: the other one may hold this name by now.
    if (name !== undefined && this.#idOfName.get(name) === object.id) this.#idOfName.delete(name);
  }
}
