import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { ClusterError, type ErrorCode, errorMessage, isClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { SnapshotAck } from "../../gen/skep/SnapshotAck.ts";
import type { SnapshotChunkInput } from "../../gen/skep/SnapshotChunk.ts";
import type { ChannelPool, UploadCall } from "../../rpc/channel-pool.ts";
import type { Message } from "../core/types.ts";
import { snapshotInfoToProto } from "../storage/snapshot-info-codec.ts";
import type { StoredSnapshot } from "../storage/snapshot-store.ts";
import { messageToProto } from "./message-codec.ts";

/** Streams tried for one snapshot; then raft asks anew, and what has arrived still counts. */
const attemptsMax = 6;
const chunkBytesMax = 1024 * 1024;
/** After these the next stream may get further. */
const isPassing: ReadonlySet<ErrorCode> = new Set(["UNAVAILABLE", "CANCELLED", "ABORTED"]);

export interface OutgoingSnapshot {
  readonly address: string;
  readonly message: Message;
  readonly snapshot: StoredSnapshot;
  /** The bytes, from the first one; called for each stream. */
  readonly read: () => AsyncIterable<Uint8Array>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface OutgoingSnapshotDeps {
  readonly channels: ChannelPool;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

type Upload = UploadCall<SnapshotChunkInput, SnapshotAck>;

/**
 * Sends a snapshot: asks how much of it is there, and goes on behind that; again after a broken stream. Resolves when
 * the peer has all of it, rejects with the peer's reason, the last attempt's, or DEADLINE_EXCEEDED.
 */
export async function sendSnapshot(
  outgoing: OutgoingSnapshot,
  deps: OutgoingSnapshotDeps,
): Promise<void> {
  const { address, snapshot, signal, timeoutMs } = outgoing;
  const { clock, random, log } = deps;
  const deadlineMs = clock.monotonic() + timeoutMs;
  const backoff = new Backoff({ initialMs: 200, maxMs: 2_000, random });
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { sizeBytes } = snapshot;
      const held = sizeBytes === 0 ? 0 : await upload(outgoing, deps, undefined, deadlineMs);
      if (held > 0 && held === sizeBytes) return;
      const taken = await upload(outgoing, deps, held, deadlineMs);
      if (taken === sizeBytes) return;
      const text = `raft member ${outgoing.message.to} has ${taken} of ${sizeBytes} bytes of a snapshot`;
      throw new ClusterError("ABORTED", text);
    } catch (error) {
      const mayPass = isClusterError(error) && isPassing.has(error.code);
      if (!mayPass || signal.aborted || attempt === attemptsMax) throw error;
      log.info(
        { address, index: snapshot.index, attempt, reason: errorMessage(error) },
        "raft snapshot was interrupted",
      );
    }
    await sleep(clock, backoff.nextMs(), signal);
  }
}

/** One stream of all bytes from `offset` on; without one, only the question how many are there. */
async function upload(
  { address, message, snapshot, read, signal }: OutgoingSnapshot,
  { channels, clock }: OutgoingSnapshotDeps,
  offset: number | undefined,
  deadlineMs: number,
): Promise<number> {
  const timeoutMs = deadlineMs - clock.monotonic();
  if (timeoutMs <= 0) {
    throw new ClusterError("DEADLINE_EXCEEDED", `raft member ${message.to} took too long`);
  }
  const options = { timeoutMs, signal };
  const call: Upload = channels.upload(address, "Raft", "SendSnapshot", options);
  try {
    const metadata = { ...snapshotInfoToProto(snapshot), sizeBytes: snapshot.sizeBytes };
    await call.write({ message: { ...messageToProto(message), snapshot: metadata } });
    if (offset !== undefined) await writeFrom(call, read(), offset);
    call.end();
  } catch (error) {
    call.cancel();
    // The peer's own reason, when it has one, says more than a broken stream.
    await call.response;
    throw error;
  }
  return (await call.response).receivedBytes;
}

async function writeFrom(
  call: Upload,
  chunks: AsyncIterable<Uint8Array>,
  offset: number,
): Promise<void> {
  let start = 0;
  for await (const chunk of chunks) {
    for (let at = Math.max(0, offset - start); at < chunk.length; at += chunkBytesMax) {
      await call.write({ offset: start + at, data: chunk.subarray(at, at + chunkBytesMax) });
    }
    start += chunk.length;
  }
}
