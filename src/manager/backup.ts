import { ClusterError, errorMessage, isClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { ObjectOf, TableName } from "../store/objects.ts";
import { SharingCodec } from "../store/sharing-codec.ts";
import { SnapshotReader } from "../store/snapshot.ts";
import type { StoreStateMachine } from "../store/state-machine.ts";
import { openBackup, sealBackup } from "./backup-file.ts";

/** What a backup says of itself. */
export interface BackupMetadata {
  readonly contentVersion: 1;
  readonly clusterId: string;
  /** Of the manager that made it. */
  readonly nodeId: string;
  /** Of the last change that is in it. */
  readonly index: number;
  /** RFC 3339 */
  readonly createdAt: string;
  readonly skepVersion: string;
}

/** A backup whose head was read: what a new manager must know first. */
export interface ReadBackup {
  readonly metadata: BackupMetadata;
  readonly cluster: Cluster;
  readonly nodes: readonly Node[];
  /** Of the last change that is in it. */
  readonly index: number;
  /**
   * The whole state as a snapshot, in pieces of at most 1 MiB; to be read once. Each was checked before it is handed out; only an end
   * without an error means that the file was whole. Errors as `openBackup`.
   */
  readonly snapshot: AsyncIterable<Uint8Array>;
}

const metadataBytesMax = 64 * 1024;
const headBytes = 4;

/** The state as of this call, sealed, while later changes go on. */
export function writeBackup(
  state: Pick<StoreStateMachine, "snapshot">,
  metadata: BackupMetadata,
  key: string,
  random: Random,
): AsyncIterable<Uint8Array> {
  return sealBackup(content(metadata, state.snapshot()), key, random);
}

/** Reads a backup as far as its cluster and nodes, and checks that much; the rest is read as it is asked for. Errors as `openBackup`. */
export async function readBackup(
  file: AsyncIterable<Uint8Array>,
  key: string,
): Promise<ReadBackup> {
  const pieces = openBackup(file, key)[Symbol.asyncIterator]();
  const { metadata, rest } = await readMetadata(pieces);
  const state = new StateCheck();
  const held: Uint8Array[] = [];
  for (let piece: Uint8Array | undefined = rest; piece !== undefined && !state.hasHead; ) {
    await state.take(piece);
    held.push(piece);
    if (!state.hasHead) piece = await nextPiece(pieces);
  }
  const { cluster, nodes } = state;
  if (cluster === undefined || cluster.id !== metadata.clusterId) {
    if (cluster === undefined) state.end(); // when it is cut short, that is the reason
    throw unreadable(`it has no cluster ${metadata.clusterId}`);
  }
  return { metadata, cluster, nodes, index: state.index, snapshot: checked(held, pieces, state) };
}

/** Reads the state and keeps nothing of it but cluster and nodes, which come first (`tableNames`). */
class StateCheck {
  readonly nodes: Node[] = [];
  cluster: Cluster | undefined;
  #isBehindHead = false;
  readonly #reader = new SnapshotReader(
    (table, object) => this.#put(table, object),
    new SharingCodec(),
  );

  /** Whether all of cluster and nodes has come. */
  get hasHead(): boolean {
    return this.#isBehindHead || this.#reader.isOver;
  }

  get index(): number {
    return this.#reader.index ?? 0;
  }

  async take(piece: Uint8Array): Promise<void> {
    if (this.#reader.isOver && piece.length > 0) {
      throw unreadable("there is more after the state's end");
    }
    await orUnreadable(() => this.#reader.take(piece));
  }

  end(): void {
    try {
      this.#reader.end();
    } catch (error) {
      throw unreadable(errorMessage(error), error);
    }
  }

  #put(table: TableName, object: ObjectOf[TableName]): void {
    // Table and object belong together.
    if (table === "cluster") this.cluster = object as Cluster;
    else if (table === "node") this.nodes.push(object as Node);
    else this.#isBehindHead = true;
  }
}

async function* checked(
  held: Uint8Array[],
  pieces: AsyncIterator<Buffer>,
  state: StateCheck,
): AsyncGenerator<Uint8Array, void, void> {
  for (let piece = held.shift(); piece !== undefined; piece = held.shift()) yield piece;
  for (;;) {
    // The state's end is not the file's: only the last piece proves that nothing is missing.
    const piece = await nextPiece(pieces);
    if (piece === undefined) break;
    await state.take(piece);
    yield piece;
  }
  state.end();
}

async function nextPiece(pieces: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  const next = await pieces.next();
  return next.done === true ? undefined : next.value;
}

async function* content(
  metadata: BackupMetadata,
  snapshot: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const text = Buffer.from(JSON.stringify(metadata));
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(text.length);
  yield Buffer.concat([head, text]);
  yield* snapshot;
}

async function readMetadata(
  pieces: AsyncIterator<Buffer>,
): Promise<{ metadata: BackupMetadata; rest: Buffer }> {
  const first = await pieces.next();
  const bytes = first.done === true ? Buffer.alloc(0) : first.value;
  const length = bytes.length < headBytes ? -1 : bytes.readUInt32BE(0);
  if (length < 0 || length > metadataBytesMax || bytes.length < headBytes + length) {
    throw unreadable("it does not say what it is of");
  }
  const text = bytes.subarray(headBytes, headBytes + length).toString();
  const metadata = JSON.parse(text) as BackupMetadata;
  if (metadata.contentVersion !== 1) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `the backup was made by skep ${metadata.skepVersion} and this version cannot read it: restore it with that version, or a later one`,
    );
  }
  return { metadata, rest: bytes.subarray(headBytes + length) };
}

async function orUnreadable(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isClusterError(error, "DATA_LOSS")) throw error;
    throw unreadable(errorMessage(error), error);
  }
}

function unreadable(why: string, cause?: unknown): ClusterError {
  return new ClusterError(
    "INVALID_ARGUMENT",
    `the backup was opened but its content cannot be used (${why}): restore it with the version of skep that made it`,
    { cause },
  );
}
