import assert from "node:assert/strict";
import { CompactMemory } from "../../../../src/raft/storage/compact-memory.ts";

describe("compact memory", () => {
  for (const { name, lengths } of [
    { name: "nothing", lengths: [0] },
    { name: "little", lengths: [1, 1_200, 0, 16 * 1024, 7] },
    { name: "much among little", lengths: [10, 200_000, 10, 16 * 1024 + 1, 10] },
    { name: "more than a block", lengths: Array<number>(200).fill(1_000) },
  ]) {
    it(`keeps ${name}`, () => {
      const memory = new CompactMemory();
      const given = lengths.map((length, at) => Buffer.alloc(length, at + 1));
      assert.deepEqual(
        given.map((bytes) => memory.copy(bytes)),
        given,
      );
    });
  }

  it("takes much as it is, unless it is a part of more", () => {
    const memory = new CompactMemory();
    const whole = Buffer.allocUnsafeSlow(100_000);
    assert.equal(memory.copy(whole).buffer, whole.buffer);
    assert.deepEqual(memory.copy(whole.subarray(50, 99_950)), whole.subarray(50, 99_950));
    const half = memory.copy(whole.subarray(50_000));
    assert.deepEqual(half, whole.subarray(50_000));
    assert.notEqual(half.buffer, whole.buffer);
  });

  it("keeps nothing of what the bytes were a part of", () => {
    const memory = new CompactMemory();
    const blocks = new Set<ArrayBufferLike>();
    for (let count = 0; count < 1_000; count += 1) {
      const whole = Buffer.allocUnsafeSlow(8 * 1024);
      const copy = memory.copy(whole.subarray(100, 1_300));
      assert.notEqual(copy.buffer, whole.buffer);
      blocks.add(copy.buffer);
    }
    const bytes = [...blocks].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert.ok(bytes < 1.1 * 1_000 * 1_200, `${bytes} bytes for 1,200,000`);
  });
});
