import { crc32 } from "node:zlib";

/** A change of one record of the log's database. */
export type Operation =
  | { readonly type: "put"; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: "del"; readonly key: Buffer };

/** What one write of the log changed. Numbers have no gap between them. */
export interface SegmentRecord {
  readonly sequence: number;
  readonly operations: readonly Operation[];
}

// Big-endian: checksum of what follows (the padding too) u32, length of the body u32, sequence u64; the body is for each
// operation a kind u8, length of the key u8 and, for a put, of the value u32, then key and value. Values are sealed already.
const headerBytes = 16;
const kinds = { put: 1, del: 0 } as const;
/** Records start at multiples of it, so that whole ones can be found behind a damaged one. */
const alignment = 8;

/** A record as it stands in a segment, padded. */
export function encodeRecord({ sequence, operations }: SegmentRecord): Buffer {
  let length = 0;
  for (const operation of operations) length += operationBytes(operation);
  const bytes = Buffer.allocUnsafe(aligned(headerBytes + length));
  bytes.writeUInt32BE(length, 4);
  bytes.writeBigUInt64BE(BigInt(sequence), 8);
  let at = headerBytes;
  for (const { type, key, ...rest } of operations) {
    bytes[at] = kinds[type];
    bytes[at + 1] = key.length;
    at += 2;
    if ("value" in rest) at = bytes.writeUInt32BE(rest.value.length, at);
    bytes.set(key, at);
    at += key.length;
    if (!("value" in rest)) continue;
    bytes.set(rest.value, at);
    at += rest.value.length;
  }
  bytes.fill(0, at);
  bytes.writeUInt32BE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

/** The whole records at the start of a segment whose numbers follow on each other, and where they end. */
export function readRun(bytes: Buffer): { records: SegmentRecord[]; end: number } {
  const records: SegmentRecord[] = [];
  let at = 0;
  for (;;) {
    const sequence = sequenceAt(bytes, at);
    const last = records.at(-1)?.sequence ?? sequence - 1;
    if (sequence !== last + 1 || !isWholeAt(bytes, at)) return { records, end: at };
    const end = at + headerBytes + bytes.readUInt32BE(at + 4);
    records.push({ sequence, operations: operationsIn(bytes.subarray(at + headerBytes, end)) });
    at = aligned(end);
  }
}

/** The number of a whole record from `from` on that is later than `sequence`; undefined when there is none. */
export function findLaterRecord(bytes: Buffer, from: number, sequence: number): number | undefined {
  for (let at = from; at + headerBytes <= bytes.length; at += alignment) {
    const found = sequenceAt(bytes, at);
    if (found > sequence && isWholeAt(bytes, at)) return found;
  }
  return undefined;
}

function operationsIn(body: Buffer): Operation[] {
  const operations: Operation[] = [];
  let at = 0;
  while (at < body.length) {
    const isPut = body[at] === kinds.put;
    const keyAt = at + (isPut ? 6 : 2);
    const keyEnd = keyAt + (body[at + 1] ?? 0);
    const key = body.subarray(keyAt, keyEnd);
    at = keyEnd + (isPut ? body.readUInt32BE(keyAt - 4) : 0);
    operations.push(
      isPut ? { type: "put", key, value: body.subarray(keyEnd, at) } : { type: "del", key },
    );
  }
  return operations;
}

/** 0 where no record can start. */
function sequenceAt(bytes: Buffer, at: number): number {
  if (at + headerBytes > bytes.length) return 0;
  return bytes.readUInt32BE(at + 8) * 2 ** 32 + bytes.readUInt32BE(at + 12);
}

function isWholeAt(bytes: Buffer, at: number): boolean {
  if (sequenceAt(bytes, at) === 0) return false;
  const end = aligned(at + headerBytes + bytes.readUInt32BE(at + 4));
  if (end > bytes.length) return false;
  return crc32(bytes.subarray(at + 4, end)) === bytes.readUInt32BE(at);
}

function operationBytes(operation: Operation): number {
  const { length } = operation.key;
  return operation.type === "put" ? 6 + length + operation.value.length : 2 + length;
}

function aligned(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}
