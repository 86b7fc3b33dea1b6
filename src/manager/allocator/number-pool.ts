/** Numbers of a range (ports, VXLAN identifiers) and who has them. The next free one after the last one given is given. */
export class NumberPool {
  readonly #first: number;
  readonly #last: number;
  readonly #owners = new Map<number, string>();
  #cursor: number;

  /** `first` and `last` bound what `take` gives; `hold` accepts any number. */
  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
    this.#cursor = first;
  }

  ownerOf(value: number): string | undefined {
    return this.#owners.get(value);
  }

  /** The next free number, or undefined when all are given. */
  take(owner: string): number | undefined {
    for (let step = this.#first; step <= this.#last; step += 1) {
      const value = this.#cursor;
      this.#cursor = value >= this.#last ? this.#first : value + 1;
      if (this.#owners.has(value)) continue;
      this.#owners.set(value, owner);
      return value;
    }
    return undefined;
  }

  /** Notes that the owner has the number; false when somebody else has it. */
  hold(value: number, owner: string): boolean {
    const current = this.#owners.get(value);
    if (current !== undefined) return current === owner;
    this.#owners.set(value, owner);
    return true;
  }

  /** Takes the number back from that owner. */
  release(value: number, owner: string): void {
    if (this.#owners.get(value) === owner) this.#owners.delete(value);
  }
}
