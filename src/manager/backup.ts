import { ClusterError, errorMessage, isClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import { StoreStateMachine } from "../store/state-machine.ts";
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

/** A backup that was read whole: the cluster's state in memory. */
export interface ReadBackup {
  readonly metadata: BackupMetadata;
  readonly cluster: Cluster;
  readonly state: StoreStateMachine;
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

/** Reads a backup to its end and checks all of it. Errors as `openBackup`. */
export async function readBackup(
  file: AsyncIterable<Uint8Array>,
  key: string,
): Promise<ReadBackup> {
  const pieces = openBackup(file, key)[Symbol.asyncIterator]();
  const { metadata, rest } = await readMetadata(pieces);
  const state = new StoreStateMachine({ onEvents: () => {}, onReset: () => {} });
  try {
    await state.restore(prepend(rest, pieces));
  } catch (error) {
    if (!isClusterError(error, "DATA_LOSS")) throw error;
    throw unreadable(errorMessage(error), error);
  }
  // The state's end is not the file's: only the last piece proves that nothing is missing.
  const more = await pieces.next();
  if (more.done !== true) throw unreadable("there is more after the state's end");
  const cluster = state.view().cluster();
  if (cluster === undefined || cluster.id !== metadata.clusterId) {
    throw unreadable(`it has no cluster ${metadata.clusterId}`);
  }
  return { metadata, cluster, state };
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

// Never ends `pieces` early, whoever reads it.
function prepend(first: Buffer, pieces: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  let isFirst = first.length > 0;
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        if (!isFirst) return await pieces.next();
        isFirst = false;
        return { done: false, value: first };
      },
    }),
  };
}

function unreadable(why: string, cause?: unknown): ClusterError {
  return new ClusterError(
    "INVALID_ARGUMENT",
    `the backup was opened but its content cannot be used (${why}): restore it with the version of skep that made it`,
    { cause },
  );
}
