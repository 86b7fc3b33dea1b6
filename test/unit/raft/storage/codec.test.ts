import assert from "node:assert/strict";
import { decodeBatch, encodeBatch } from "../../../../src/raft/storage/codec.ts";
import type { Seal } from "../../../../src/raft/storage/seal.ts";

const seal: Seal = {
  seal: (plain) => Buffer.from(plain),
  open: (sealed) => Buffer.from(sealed),
  isCurrent: () => true,
};

describe("a record of entries", () => {
  // An entry that begins a term has no data; its memory may be nowhere, or somewhere within other memory.
  for (const { name, data } of [
    { name: "an empty array", data: new Uint8Array(0) },
    { name: "no bytes at no address", data: new Uint8Array(new ArrayBuffer(0)) },
    { name: "a part of an empty buffer", data: Buffer.alloc(0).subarray(0, 0) },
    { name: "the end of other memory", data: Buffer.from([1, 2]).subarray(2) },
    { name: "some bytes", data: Buffer.from([1, 2]) },
  ]) {
    it(`has the same checksums when it is read, with ${name} in it`, () => {
      const entries = [1, 2].map((at) => ({
        index: 6 + at,
        term: at,
        type: "normal" as const,
        data,
      }));
      const { value, chains } = encodeBatch(entries, 77, seal);
      const read = decodeBatch(7, value, seal);
      assert.deepEqual([read.chain, read.chains], [77, chains]);
    });
  }
});
