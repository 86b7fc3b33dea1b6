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
import { FieldReader, FieldWriter } from "./wire.ts";

// A snapshot is a run of frames, each a 4-byte length and a StoreSnapshotChunk; the first one carries version and index, an empty
// one ends it. Frames need not match the chunks they travel in.

const formatVersion = 1;
const headBytes = 4;
const frameBytes = 32 * 1024;
/** Encoded or decoded at a stretch: half a millisecond, and a few while V8 has not compiled the code yet. */
const sliceObjects = 32;
const chunkBytesMax = 1024 * 1024;
const frameBytesMax = 64 * 1024 * 1024;

const header = messageCodec<StoreSnapshotChunkInput, StoreSnapshotChunk>("StoreSnapshotChunk");

/** All objects of one table. */
export type TableContent = {
  [T in TableName]: { readonly table: T; readonly objects: readonly ObjectOf[T][] };
}[TableName];

/** Encodes the objects, giving other work a turn after every 32. Chunks are at most 1 MiB. */
export async function* writeSnapshot(
  index: number,
  content: readonly { readonly table: TableName; readonly objects: readonly object[] }[],
  codec: SharingCodec,
): AsyncGenerator<Uint8Array, void, void> {
  const writer = new FieldWriter();
  yield frame(header.encode({ formatVersion, appliedIndex: index }));
  let encodedObjects = 0;
  for (const { table, objects } of content) {
    for (const object of objects) {
      encodedObjects += 1;
      if (encodedObjects % sliceObjects === 0) await setImmediate();
      codec.write(writer, objectField[table], table, object);
      if (writer.length >= frameBytes) yield* sliced(withLength(writer.take(headBytes)));
    }
  }
  if (writer.length > 0) yield* sliced(withLength(writer.take(headBytes)));
  yield frame(Buffer.alloc(0));
}

type Put = <T extends TableName>(table: T, object: ObjectOf[T]) => void;

/**
 * Reads a snapshot, handing out its objects; resolves with the index it was taken at.
 * DATA_LOSS when it is cut short, damaged, or of another format.
 */
export async function readSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  put: Put,
  codec: SharingCodec,
): Promise<number> {
  const reader = new SnapshotReader(put, codec);
  for await (const chunk of chunks) {
    await reader.take(chunk);
    if (reader.isOver) break;
  }
  return reader.end();
}

/** Reads a snapshot as its bytes come. Errors as `readSnapshot`. */
export class SnapshotReader {
  readonly #put: Put;
  readonly #codec: SharingCodec;
  #rest: Buffer = Buffer.alloc(0);
  #index: number | undefined;
  #isOver = false;

  constructor(put: Put, codec: SharingCodec) {
    this.#put = put;
    this.#codec = codec;
  }

  /** The index it was taken at, once its header has come. */
  get index(): number | undefined {
    return this.#index;
  }

  /** Whether its end has come; what is taken then is ignored. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Hands out the objects that are complete with these bytes, giving other work a turn after every 32 of a frame. */
  async take(chunk: Uint8Array): Promise<void> {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    for (let body = this.#nextFrame(); body !== undefined; body = this.#nextFrame()) {
      if (this.#index === undefined) {
        this.#index = indexOf(body);
        continue;
      }
      for (const _ of readObjects(body, this.#put, this.#codec)) await setImmediate();
    }
  }

  /** To be called when all bytes were taken; gives the index. */
  end(): number {
    if (!this.#isOver) throw damaged("it is cut short");
    if (this.#index === undefined) throw damaged("it has no header");
    return this.#index;
  }

  #nextFrame(): Buffer | undefined {
    if (this.#isOver || this.#rest.length < headBytes) return undefined;
    const length = this.#rest.readUInt32BE(0);
    if (length === 0) {
      this.#isOver = true;
      this.#rest = Buffer.alloc(0);
      return undefined;
    }
    if (length > frameBytesMax) throw damaged(`a frame of ${length} bytes is too long`);
    if (this.#rest.length < headBytes + length) return undefined;
    const body = this.#rest.subarray(headBytes, headBytes + length);
    this.#rest = this.#rest.subarray(headBytes + length);
    return body;
  }
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

/** Yields after every 32 objects, and in the end. */
function* readObjects(body: Uint8Array, put: Put, codec: SharingCodec): Generator<void> {
  const reader = new FieldReader(body);
  let read = 0;
  try {
    while (reader.next()) {
      const table = tableOfField.get(reader.field);
      if (table === undefined) continue;
      put(table, codec.decode(table, reader.content()));
      read += 1;
      if (read % sliceObjects === 0) yield;
    }
    yield;
  } catch (error) {
    throw unreadable(error);
  }
}

function frame(body: Uint8Array): Buffer {
  return withLength(Buffer.concat([Buffer.alloc(headBytes), body]));
}

/** Fills in the head of a frame that is whole otherwise. */
function withLength(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(bytes.length - headBytes);
  return bytes;
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
