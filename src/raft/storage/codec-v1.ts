import { crc32 } from "node:zlib";
import type { Entry, HardState } from "../core/types.ts";
import { chainOf, damaged, entryHeaderBytes, entryTypeAt, type LogMeta } from "./codec.ts";

// The first format, in the clear, which is only read any more: each entry is a record of its own: version
// u8 = 1, type u8, term u48, chained crc u32, data.
const headerBytes = entryHeaderBytes + 4;
const version = 1;
const stateBytes = 1 + 4 * 6 + 4;
const metaBytes = 1 + 2 * 6 + 4 + 4;

/** 'e' and the index. */
export function plainEntryKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = 0x65;
  key.writeBigUInt64BE(BigInt(index), 1);
  return key;
}

/** DATA_LOSS when the bytes are not what followed a log of checksum `chain` at `index`. */
export function decodePlainEntry(
  index: number,
  value: Buffer,
  chain: number,
): { entry: Entry; chain: number } {
  const type = value[0] === version ? entryTypeAt(value, 0) : undefined;
  if (value.length < headerBytes || type === undefined) {
    throw damaged(`entry ${index} is malformed`);
  }
  const data = value.subarray(headerBytes);
  const next = chainOf(value.subarray(0, entryHeaderBytes), data, index, chain);
  if (next !== value.readUInt32BE(entryHeaderBytes)) {
    throw damaged(`entry ${index} has a wrong checksum`);
  }
  return { entry: { index, term: value.readUIntBE(2, 6), type, data }, chain: next };
}

/** DATA_LOSS when the bytes are damaged. */
export function decodePlainHardState(value: Buffer): { hardState: HardState; sequence: number } {
  if (
    value.length !== stateBytes ||
    value[0] !== version ||
    crc32(value.subarray(0, 25)) !== value.readUInt32BE(25)
  ) {
    throw damaged("the hard state is damaged");
  }
  return {
    hardState: {
      term: value.readUIntBE(1, 6),
      vote: value.readUIntBE(7, 6),
      commit: value.readUIntBE(13, 6),
    },
    sequence: value.readUIntBE(19, 6),
  };
}

/** DATA_LOSS when the bytes are damaged. */
export function decodePlainMeta(value: Buffer): LogMeta {
  if (
    value.length !== metaBytes ||
    value[0] !== version ||
    crc32(value.subarray(0, 17)) !== value.readUInt32BE(17)
  ) {
    throw damaged("the log's start record is damaged");
  }
  return {
    truncatedIndex: value.readUIntBE(1, 6),
    truncatedTerm: value.readUIntBE(7, 6),
    chain: value.readUInt32BE(13),
  };
}
