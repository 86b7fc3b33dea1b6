/**
 * A binary heap of the numbers 0 to n - 1, ordered by a key of each, ties by the number itself. Flat arrays: comparing follows no
 * pointers, and one of 10,000 numbers is next to nothing to the garbage collector.
 */
export class IndexHeap {
  readonly #keys: Float64Array;
  readonly #heap: Int32Array;
  #size: number;

  /** Holds all numbers that have a key; takes the array over. */
  constructor(keys: Float64Array) {
    this.#keys = keys;
    this.#size = keys.length;
    this.#heap = new Int32Array(keys.length);
    for (let index = 0; index < keys.length; index += 1) this.#heap[index] = index;
    for (let at = (this.#size >> 1) - 1; at >= 0; at -= 1) this.#sink(at);
  }

  first(): number | undefined {
    return this.#size === 0 ? undefined : this.#heap[0];
  }

  /** Key of the first; 0 when there is none. */
  firstKey(): number {
    return this.#size === 0 ? 0 : (this.#keys[this.#heap[0] ?? 0] ?? 0);
  }

  /** Gives the first another key. */
  changeFirst(key: number): void {
    if (this.#size === 0) return;
    this.#keys[this.#heap[0] ?? 0] = key;
    this.#sink(0);
  }

  /** Takes the first out; `add` puts it back. */
  removeFirst(): void {
    if (this.#size === 0) return;
    this.#size -= 1;
    this.#heap[0] = this.#heap[this.#size] ?? 0;
    this.#sink(0);
  }

  /** Puts a number back that was taken out, with the key it had. */
  add(index: number): void {
    const [keys, heap] = [this.#keys, this.#heap];
    const key = keys[index] ?? 0;
    let at = this.#size;
    this.#size += 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] ?? 0;
      const parentKey = keys[parent] ?? 0;
      if (parentKey < key || (parentKey === key && parent < index)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = index;
  }

  #sink(start: number): void {
    const [keys, heap, size] = [this.#keys, this.#heap, this.#size];
    const index = heap[start] ?? 0;
    const key = keys[index] ?? 0;
    let at = start;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= size) break;
      let child = heap[childAt] ?? 0;
      let childKey = keys[child] ?? 0;
      const right = childAt + 1 < size ? (heap[childAt + 1] ?? 0) : -1;
      if (right >= 0) {
        const rightKey = keys[right] ?? 0;
        if (rightKey < childKey || (rightKey === childKey && right < child)) {
          [childAt, child, childKey] = [childAt + 1, right, rightKey];
        }
      }
      if (key < childKey || (key === childKey && index < child)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = index;
  }
}
