import { crc32 } from "node:zlib";
import { ClusterError } from "../../base/errors.ts";
import type { Entry, EntryType, HardState } from "../core/types.ts";

// An entry on disk, big-endian: version u8, type u8, term u48, chained crc u32, data.
const version = 1;
const headerBytes = 12;
const crcOffset = 8;
const stateBytes = 1 + 4 * 6 + 4;
const metaBytes = 1 + 2 * 6 + 4 + 4;

const entryTypes: readonly EntryType[] = ["normal", "conf-change"];

/** Keys of the log database; entries sort by index. */
export const hardStateKey: Buffer = Buffer.from("h");
export const metaKey: Buffer = Buffer.from("m");

/** 'e' and the index. */
export function entryKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = 0x65;
  key.writeBigUInt64BE(BigInt(index), 1);
  return key;
}

/** The index in an entry's key. */
export function indexOfKey(key: Buffer): number {
  return Number(key.readBigUInt64BE(1));
}

/** The entry as bytes, and the checksum of the log up to it, given that of the log before it. */
export function encodeEntry(entry: Entry, chain: number): { value: Buffer; chain: number } {
  const value = Buffer.allocUnsafe(headerBytes + entry.data.length);
  value[0] = version;
  value[1] = entryTypes.indexOf(entry.type);
  value.writeUIntBE(entry.term, 2, 6);
  value.set(entry.data, headerBytes);
  const next = chainOf(value, entry.index, chain);
  value.writeUInt32BE(next, crcOffset);
  return { value, chain: next };
}

/** DATA_LOSS when the bytes are not what followed a log of checksum `chain` at `index`. */
export function decodeEntry(
  index: number,
  value: Buffer,
  chain: number,
): { entry: Entry; chain: number } {
  const type = value[0] === version ? entryTypes[value[1] ?? -1] : undefined;
  if (value.length < headerBytes || type === undefined)
    throw damaged(`entry ${index} is malformed`);
  const next = chainOf(value, index, chain);
  if (next !== value.readUInt32BE(crcOffset)) throw damaged(`entry ${index} has a wrong checksum`);
  const entry = { index, term: value.readUIntBE(2, 6), type, data: value.subarray(headerBytes) };
  return { entry, chain: next };
}

/** The hard state with the number of the batch that wrote it. */
export function encodeHardState(state: HardState, sequence: number): Buffer {
  const value = Buffer.allocUnsafe(stateBytes);
  value[0] = version;
  value.writeUIntBE(state.term, 1, 6);
  value.writeUIntBE(state.vote, 7, 6);
  value.writeUIntBE(state.commit, 13, 6);
  value.writeUIntBE(sequence, 19, 6);
  value.writeUInt32BE(crc32(value.subarray(0, 25)), 25);
  return value;
}

/** DATA_LOSS when the bytes are damaged. */
export function decodeHardState(value: Buffer): { hardState: HardState; sequence: number } {
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

/** Where the kept log starts: the entry before it, and the checksum of the log up to that one. */
export interface LogMeta {
  readonly truncatedIndex: number;
  readonly truncatedTerm: number;
  readonly chain: number;
}

export function encodeMeta(meta: LogMeta): Buffer {
  const value = Buffer.allocUnsafe(metaBytes);
  value[0] = version;
  value.writeUIntBE(meta.truncatedIndex, 1, 6);
  value.writeUIntBE(meta.truncatedTerm, 7, 6);
  value.writeUInt32BE(meta.chain, 13);
  value.writeUInt32BE(crc32(value.subarray(0, 17)), 17);
  return value;
}

/** DATA_LOSS when the bytes are damaged. */
export function decodeMeta(value: Buffer): LogMeta {
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

/** DATA_LOSS with what to do about it. */
export function damaged(what: string): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `the raft log of this manager is damaged: ${what}; do not start it again as it is: on another manager demote and remove this node, then delete its state directory and join it anew`,
  );
}

function chainOf(value: Buffer, index: number, chain: number): number {
  const seed = Buffer.allocUnsafe(8);
  seed.writeBigUInt64BE(BigInt(index));
  const header = crc32(value.subarray(0, crcOffset), crc32(seed, chain));
  return crc32(value.subarray(headerBytes), header);
}
