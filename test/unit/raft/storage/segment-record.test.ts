import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeRecord,
  findLaterRecord,
  type Operation,
  readRun,
  type SegmentRecord,
} from "../../../../src/raft/storage/segment-record.ts";

const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(bytes(9), bytes(600)).map(([key, value]) => ({ type: "put" as const, key, value })),
  bytes(9).map((key) => ({ type: "del" as const, key })),
);
const runs = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.array(fc.array(operation), { maxLength: 6 }))
  .map(([first, records]) =>
    records.map((operations, at): SegmentRecord => ({ sequence: first + at, operations })),
  );

describe("records of a segment", () => {
  it("are read as they were written, up to whatever comes behind", () => {
    fc.assert(
      fc.property(runs, bytes(100), (records, behind) => {
        const written = records.map(encodeRecord);
        const run = readRun(Buffer.concat([...written, Buffer.alloc(1), behind]));
        assert.deepEqual(run.records, records);
        assert.equal(run.end, Buffer.concat(written).length);
      }),
    );
  });

  it("show a flipped bit anywhere, and that later ones are there", () => {
    const records = [3, 4, 5].map((sequence) => record(sequence));
    const whole = Buffer.concat(records.map(encodeRecord));
    const length = whole.length / 3;
    for (let at = 0; at < whole.length; at += 1) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const { records: read, end } = readRun(changed);
      const damaged = Math.floor(at / length);
      assert.equal(read.length, damaged, `byte ${at}`);
      assert.equal(
        findLaterRecord(changed, end, 2 + damaged),
        damaged === 2 ? undefined : 4 + damaged,
      );
    }
  });

  it("of an earlier use of the file do not belong to the run", () => {
    const used = Buffer.concat([record(7), record(8), record(9)].map(encodeRecord));
    encodeRecord(record(20)).copy(used);
    const { records, end } = readRun(used);
    assert.deepEqual(
      records.map(({ sequence }) => sequence),
      [20],
    );
    assert.equal(findLaterRecord(used, end, 20), undefined);
    assert.deepEqual(readRun(Buffer.alloc(4096)), { records: [], end: 0 });
  });
});

function record(sequence: number): SegmentRecord {
  const key = Buffer.from("k");
  return { sequence, operations: [{ type: "put", key, value: Buffer.alloc(41, sequence) }] };
}
