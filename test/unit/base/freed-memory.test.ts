import assert from "node:assert/strict";
import { FreedMemory } from "../../../src/base/freed-memory.ts";

const mebibyte = 1024 * 1024;

describe("memory that was freed", () => {
  const table: { name: string; given: number[]; want: boolean[] }[] = [
    { name: "stays while what is held grows", given: [10, 60, 70], want: [false, false, false] },
    { name: "stays while it is little", given: [60, 55, 53], want: [false, false, false] },
    { name: "is given back when it is much", given: [60, 52], want: [false, true] },
    { name: "counts from the most that was held", given: [60, 55, 51], want: [false, false, true] },
    {
      name: "is given back once",
      given: [60, 40, 39, 41, 45],
      want: [false, true, false, false, false],
    },
    { name: "is given back again", given: [60, 40, 70, 62], want: [false, true, false, true] },
  ];
  for (const { name, given, want } of table) {
    it(name, () => {
      const freed = new FreedMemory();
      assert.deepEqual(
        given.map((megabytes) => freed.isWorth(megabytes * mebibyte)),
        want,
      );
    });
  }
});
