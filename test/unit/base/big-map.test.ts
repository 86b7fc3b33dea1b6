import assert from "node:assert/strict";
import fc from "fast-check";
import { BigMap } from "../../../src/base/big-map.ts";

/** More than a map that is not split has. */
const many = 10_000;
const keyTypes: readonly { name: string; keyOf: (number: number) => string | number }[] = [
  { name: "numbers", keyOf: (number) => number },
  { name: "long ids", keyOf: (number) => `task${String(number).padStart(21, "0")}` },
  { name: "short ids", keyOf: (number) => number.toString(36) },
];

describe("a big map", () => {
  for (const { name, keyOf } of keyTypes) {
    for (const before of [0, 4_090, many]) {
      it(`does as a Map does, by ${name}, with ${before} entries before`, () => {
        const change = fc.record({
          kind: fc.constantFrom("set", "delete"),
          key: fc.integer({ min: 0, max: before + 20 }),
        });
        fc.assert(
          fc.property(fc.array(change, { maxLength: 60 }), (steps) => {
            const [big, plain] = [new BigMap<string | number, number>(), new Map()];
            for (let number = 0; number < before; number += 1) {
              big.set(keyOf(number), number);
              plain.set(keyOf(number), number);
            }
            for (const [step, { kind, key: number }] of steps.entries()) {
              const key = keyOf(number);
              if (kind === "set") {
                assert.equal(big.set(key, -1 - step), big);
                plain.set(key, -1 - step);
              } else {
                assert.equal(big.delete(key), plain.delete(key));
              }
              assert.equal(big.size, plain.size);
              assert.deepEqual([big.get(key), big.has(key)], [plain.get(key), plain.has(key)]);
            }
            assert.deepEqual(sorted(big.values()), sorted(plain.values()));
            assert.deepEqual(big.toArray(), [...big.values()]);
          }),
          { numRuns: 5 },
        );
      });
    }
  }

  it("gives few values in the order in which they came", () => {
    const big = new BigMap<string, string>()
      .set("b", "b")
      .set("a", "a")
      .set("c", "c")
      .set("b", "B");
    assert.deepEqual([...big.values()], ["B", "a", "c"]);
  });

  it("can be read while so much is put in that it has to be split", () => {
    const big = new BigMap<number, number>();
    for (let number = 0; number < 4_000; number += 1) big.set(number, number);
    const seen = new Set<number>();
    for (const value of big.values()) {
      seen.add(value);
      if (value < 4_000) big.set(value + many, value + many);
    }
    for (let number = 0; number < 4_000; number += 1) assert.ok(seen.has(number), `${number}`);
  });

  it("spreads ids over its parts, so that no part is laid out again at length", () => {
    const set = Map.prototype.set;
    let largest = 0;
    try {
      Map.prototype.set = function (this: Map<unknown, unknown>, key, value) {
        largest = Math.max(largest, this.size);
        return set.call(this, key, value);
      };
      for (const { keyOf } of keyTypes) {
        const big = new BigMap<string | number, number>();
        for (let number = 0; number < 100_000; number += 1) big.set(keyOf(number), number);
      }
    } finally {
      Map.prototype.set = set;
    }
    assert.ok(largest <= 4_096, `${largest}`);
  });
});

function sorted(values: Iterable<number>): readonly number[] {
  return [...values].sort((a, b) => a - b);
}
