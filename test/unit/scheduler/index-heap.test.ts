import assert from "node:assert/strict";
import fc from "fast-check";
import { IndexHeap } from "../../../src/scheduler/index-heap.ts";

/** The same, by sorting anew each time. */
class SortedList {
  readonly #keys: number[];
  #present: number[];

  constructor(keys: readonly number[]) {
    this.#keys = [...keys];
    this.#present = [...keys.keys()];
  }

  first(): number | undefined {
    const keyOf = (index: number) => this.#keys[index] ?? 0;
    this.#present.sort((a, b) => keyOf(a) - keyOf(b) || a - b);
    return this.#present[0];
  }

  changeFirst(key: number): void {
    const first = this.first();
    if (first !== undefined) this.#keys[first] = key;
  }

  removeFirst(): void {
    this.#present = this.#present.filter((index) => index !== this.first());
  }

  add(index: number): void {
    this.#present.push(index);
  }
}

describe("IndexHeap", () => {
  it("gives the lowest key, ties by the number, whatever was changed, taken out and put back", () => {
    const step = fc.oneof(fc.constant("remove" as const), fc.constant("add" as const), fc.nat(6));
    fc.assert(
      fc.property(
        fc.array(fc.nat(6), { maxLength: 20 }),
        fc.array(step, { maxLength: 60 }),
        (keys, steps) => {
          const [heap, model] = [new IndexHeap(Float64Array.from(keys)), new SortedList(keys)];
          const out: number[] = [];
          for (const next of steps) {
            assert.equal(heap.first(), model.first());
            const first = model.first();
            if (typeof next === "number") {
              heap.changeFirst(next);
              model.changeFirst(next);
            } else if (next === "remove") {
              if (first !== undefined) out.push(first);
              heap.removeFirst();
              model.removeFirst();
            } else {
              const back = out.shift();
              if (back === undefined) continue;
              heap.add(back);
              model.add(back);
            }
          }
          assert.equal(heap.first(), model.first());
        },
      ),
    );
  });
});
