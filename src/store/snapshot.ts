import { setImmediate } from "node:timers/promises";
import { ClusterError } from "../base/errors.ts";
import type {
  StoreSnapshotChunk,
  StoreSnapshotChunkInput,
} from "../gen/skep/StoreSnapshotChunk.ts";
import { messageCodec } from "../rpc/load-proto.ts";
import { objectField, tableOfField } from "./object-codecs.ts";
import type { ObjectOf, TableName } from "./objects.ts";
import type { SharingCodec } from "./sharing-codec.ts";
import { bytesField, FieldReader } from "./wire.ts";

// A snapshot is a run of frames, each a 4-byte length and a StoreSnapshotChunk; the first one carries version and index, an empty
// one ends it. Frames need not match the chunks they travel in.

const formatVersion = 1;
/** Small enough to be encoded or decoded well within 10 ms. */
const frameBytes = 32 * 1024;
const chunkBytesMax = 1024 * 1024;
const frameBytesMax = 64 * 1024 * 1024;

const header = messageCodec<StoreSnapshotChunkInput, StoreSnapshotChunk>("StoreSnapshotChunk");

/** All objects of one table. */
export type TableContent = {
  [T in TableName]: { readonly table: T; readonly objects: readonly ObjectOf[T][] };
}[TableName];

/** Encodes the objects, giving other work a turn between frames. Chunks are at most 1 MiB. */
export async function* writeSnapshot(
  index: number,
  content: readonly { readonly table: TableName; readonly objects: readonly object[] }[],
  codec: SharingCodec,
): AsyncGenerator<Uint8Array, void, void> {
  yield frame([header.encode({ formatVersion, appliedIndex: index })]);
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (const { table, objects } of content) {
    for (const object of objects) {
      const encoded = codec.encode(table, object);
      parts.push(...bytesField(objectField[table], encoded));
      bytes += encoded.length;
      if (bytes < frameBytes) continue;
      yield* sliced(frame(parts));
      parts = [];
      bytes = 0;
      await setImmediate();
    }
  }
  if (parts.length > 0) yield* sliced(frame(parts));
  yield frame([]);
}

/**
 * Reads a snapshot, handing out its objects; resolves with the index it was taken at.
 * DATA_LOSS when it is cut short, damaged, or of another format.
 */
export async function readSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  put: <T extends TableName>(table: T, object: ObjectOf[T]) => void,
  codec: SharingCodec,
): Promise<number> {
  let index: number | undefined;
  for await (const body of frames(chunks)) {
    if (index === undefined) {
      index = indexOf(body);
      continue;
    }
    readObjects(body, put, codec);
    await setImmediate();
  }
  if (index === undefined) throw damaged("it has no header");
  return index;
}

function indexOf(body: Uint8Array): number {
  try {
    const { formatVersion: found, appliedIndex } = header.decode(body);
    if (found === formatVersion) return appliedIndex;
    throw damaged(`format ${found} is not ${formatVersion}`);
  } catch (error) {
    throw error instanceof ClusterError ? error : unreadable(error);
  }
}

function readObjects(
  body: Uint8Array,
  put: <T extends TableName>(table: T, object: ObjectOf[T]) => void,
  codec: SharingCodec,
): void {
  const reader = new FieldReader(body);
  try {
    while (reader.next()) {
      const table = tableOfField.get(reader.field);
      if (table !== undefined) put(table, codec.decode(table, reader.content()));
    }
  } catch (error) {
    throw unreadable(error);
  }
}

async function* frames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length === 0) return;
      if (length > frameBytesMax) throw damaged(`a frame of ${length} bytes is too long`);
      if (rest.length < 4 + length) break;
      yield rest.subarray(4, 4 + length);
      rest = rest.subarray(4 + length);
    }
  }
  throw damaged("it is cut short");
}

function frame(parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

function* sliced(bytes: Buffer): Generator<Uint8Array, void, void> {
  for (let start = 0; start < bytes.length; start += chunkBytesMax) {
    yield bytes.subarray(start, start + chunkBytesMax);
  }
}

function unreadable(cause: unknown): ClusterError {
  return damaged("a frame cannot be read", cause);
}

function damaged(why: string, cause?: unknown): ClusterError {
  return new ClusterError("DATA_LOSS", `the snapshot cannot be used: ${why}`, { cause });
}
