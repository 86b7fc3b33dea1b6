import { crc32 } from "node:zlib";
import { must } from "../../base/assert.ts";
import { ClusterError, errorMessage } from "../../base/errors.ts";
import type { Entry, EntryType, HardState } from "../core/types.ts";
import type { Seal } from "./seal.ts";

// Format 2. Every value is version u8 = 2 and sealed bytes; the context of the seal is the record's key.
// Numbers are big-endian. A batch, sealed as one since a cipher costs microseconds whatever its length:
//   checksum of the log before it u32, count u32, and for each entry: 1 u8, type u8, term u48, length u32, data.
// Checksums are of the plain bytes, as they were in format 1: so a log may be sealed anew with another key, and
// the chain goes on over a log that began in the clear.
const version = 2;
const batchHeaderBytes = 8;
const stateBytes = 6 * 6 + 4;
const metaBytes = 2 * 6 + 4;
/** What an entry's checksum covers beside its data. */
export const entryHeaderBytes = 8;

const entryTypes: readonly EntryType[] = ["normal", "conf-change"];

/** Keys of the log database; batches sort by index. */
export const hardStateKey: Buffer = Buffer.from("h");
export const metaKey: Buffer = Buffer.from("m");

/** 'b' and the index of the batch's first entry. */
export function batchKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = 0x62;
  key.writeBigUInt64BE(BigInt(index), 1);
  return key;
}

/** The index in a batch's key, or in an entry's of format 1. */
export function indexOfKey(key: Buffer): number {
  return Number(key.readBigUInt64BE(1));
}

/** Whether a value is of format 1. DATA_LOSS when it is of none that is known. */
export function isPlain(value: Buffer): boolean {
  if (value[0] === 1) return true;
  if (value[0] === version) return false;
  throw damaged("a record is of no known format");
}

/** The entries as one record, and the checksums of the log up to each of them. */
export function encodeBatch(
  entries: readonly Entry[],
  chain: number,
  seal: Seal,
): { value: Buffer; chains: number[] } {
  const first = must(entries[0], "the first entry").index;
  let bytes = batchHeaderBytes;
  for (const { data } of entries) bytes += entryHeaderBytes + 4 + data.length;
  const plain = Buffer.allocUnsafe(bytes);
  plain.writeUInt32BE(chain, 0);
  plain.writeUInt32BE(entries.length, 4);
  const chains: number[] = [];
  let last = chain;
  let at = batchHeaderBytes;
  for (const entry of entries) {
    plain[at] = 1;
    plain[at + 1] = entryTypes.indexOf(entry.type);
    plain.writeUIntBE(entry.term, at + 2, 6);
    plain.writeUInt32BE(entry.data.length, at + 8);
    plain.set(entry.data, at + 12);
    last = chainOf(plain.subarray(at, at + entryHeaderBytes), entry.data, entry.index, last);
    chains.push(last);
    at += 12 + entry.data.length;
  }
  return { value: sealed(plain, batchKey(first), seal), chains };
}

/** What is in a batch; `chain` is the checksum of the log before it. DATA_LOSS when it cannot be opened. */
export function decodeBatch(
  first: number,
  value: Buffer,
  seal: Seal,
): { entries: Entry[]; chain: number; chains: number[] } {
  const plain = opened(`the record of entry ${first}`, value, batchKey(first), seal);
  const chain = plain.readUInt32BE(0);
  const count = plain.readUInt32BE(4);
  const entries: Entry[] = [];
  const chains: number[] = [];
  let last = chain;
  let at = batchHeaderBytes;
  for (let index = first; index < first + count; index += 1) {
    const length = plain.readUInt32BE(at + 8);
    const type = must(entryTypeAt(plain, at), "an entry's type");
    const data = plain.subarray(at + 12, at + 12 + length);
    last = chainOf(plain.subarray(at, at + entryHeaderBytes), data, index, last);
    entries.push({ index, term: plain.readUIntBE(at + 2, 6), type, data });
    chains.push(last);
    at += 12 + length;
  }
  return { entries, chain, chains };
}

/** The hard state, the number of the write that made it, and how the log ended then. */
export interface StateRecord {
  readonly hardState: HardState;
  readonly sequence: number;
  /** Absent in format 1. */
  readonly end?: { readonly index: number; readonly chain: number };
}

export function encodeHardState(
  record: StateRecord & { readonly end: { readonly index: number; readonly chain: number } },
  seal: Seal,
): Buffer {
  const { hardState, sequence, end } = record;
  const plain = Buffer.alloc(stateBytes);
  plain.writeUIntBE(hardState.term, 0, 6);
  plain.writeUIntBE(hardState.vote, 6, 6);
  plain.writeUIntBE(hardState.commit, 12, 6);
  plain.writeUIntBE(sequence, 18, 6);
  plain.writeUIntBE(end.index, 24, 6);
  plain.writeUInt32BE(end.chain, 30);
  return sealed(plain, hardStateKey, seal);
}

/** DATA_LOSS when it cannot be opened. */
export function decodeHardState(value: Buffer, seal: Seal): StateRecord {
  const plain = opened("the hard state", value, hardStateKey, seal);
  return {
    hardState: {
      term: plain.readUIntBE(0, 6),
      vote: plain.readUIntBE(6, 6),
      commit: plain.readUIntBE(12, 6),
    },
    sequence: plain.readUIntBE(18, 6),
    end: { index: plain.readUIntBE(24, 6), chain: plain.readUInt32BE(30) },
  };
}

/** Where the kept log starts: the entry before it, and the checksum of the log up to that one. */
export interface LogMeta {
  readonly truncatedIndex: number;
  readonly truncatedTerm: number;
  readonly chain: number;
}

export function encodeMeta(meta: LogMeta, seal: Seal): Buffer {
  const plain = Buffer.alloc(metaBytes);
  plain.writeUIntBE(meta.truncatedIndex, 0, 6);
  plain.writeUIntBE(meta.truncatedTerm, 6, 6);
  plain.writeUInt32BE(meta.chain, 12);
  return sealed(plain, metaKey, seal);
}

/** DATA_LOSS when it cannot be opened. */
export function decodeMeta(value: Buffer, seal: Seal): LogMeta {
  const plain = opened("the log's start record", value, metaKey, seal);
  return {
    truncatedIndex: plain.readUIntBE(0, 6),
    truncatedTerm: plain.readUIntBE(6, 6),
    chain: plain.readUInt32BE(12),
  };
}

/** Whether the record was sealed with the newest key. */
export function isCurrent(value: Buffer, seal: Seal): boolean {
  return value[0] === version && seal.isCurrent(value.subarray(1));
}

/** The type of the entry whose header starts at `at`. */
export function entryTypeAt(bytes: Buffer, at: number): EntryType | undefined {
  return entryTypes[bytes[at + 1] ?? -1];
}

/** The checksum of the log up to an entry, given that of the log before it. */
export function chainOf(header: Buffer, data: Uint8Array, index: number, chain: number): number {
  const seed = Buffer.allocUnsafe(8);
  seed.writeBigUInt64BE(BigInt(index));
  const before = crc32(header, crc32(seed, chain));
  // zlib starts anew (gives 0) for no bytes at no address, where some empty arrays are and others are not.
  return data.length === 0 ? before : crc32(data, before);
}

/** DATA_LOSS with what to do about it. */
export function damaged(what: string, cause?: unknown): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `the raft log of this manager is damaged: ${what}; do not start it again as it is: on another manager demote and remove this node, then delete its state directory and join it anew`,
    { cause },
  );
}

function sealed(plain: Buffer, context: Buffer, seal: Seal): Buffer {
  return Buffer.concat([versionByte, seal.seal(plain, context)]);
}

function opened(name: string, value: Buffer, context: Buffer, seal: Seal): Buffer {
  if (value[0] !== version) throw damaged(`${name} is of no known format`);
  try {
    return seal.open(value.subarray(1), context);
  } catch (error) {
    throw damaged(`${name} cannot be opened: ${errorMessage(error)}`, error);
  }
}

const versionByte = Buffer.from([version]);
