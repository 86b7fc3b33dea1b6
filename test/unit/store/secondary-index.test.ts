import assert from "node:assert/strict";
import fc from "fast-check";
import { SecondaryIndex } from "../../../src/store/tables/secondary-index.ts";

interface Item {
  readonly id: string;
  readonly keys: readonly string[];
}

describe("secondary index", () => {
  const step = fc.record({
    id: fc.constantFrom("1", "2", "3"),
    keys: fc.option(fc.uniqueArray(fc.constantFrom("a", "b"))),
  });

  it("finds what a plain search finds, after any changes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const index = new SecondaryIndex<Item>((item) => item.keys);
        const items = new Map<string, Item>();
        for (const { id, keys } of steps) {
          const previous = items.get(id);
          const next = keys === null ? undefined : { id, keys };
          index.replace(previous, next);
          if (next === undefined) items.delete(id);
          else items.set(id, next);
          for (const key of ["a", "b"]) {
            const want = [...items.values()].filter((item) => item.keys.includes(key));
            const byId = (x: Item, y: Item): number => (x.id < y.id ? -1 : 1);
            assert.deepEqual([...index.get(key)].sort(byId), want.sort(byId));
          }
        }
      }),
    );
  });

  it("keeps the order in which objects came under a key", () => {
    const index = new SecondaryIndex<Item>((item) => item.keys);
    const item = (id: string): Item => ({ id, keys: ["a"] });
    index.replace(undefined, item("z"));
    index.replace(undefined, item("y"));
    index.replace(item("z"), item("z"));
    assert.deepEqual(
      [...index.get("a")].map(({ id }) => id),
      ["z", "y"],
    );
  });
});
