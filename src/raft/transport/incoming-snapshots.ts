import type { Clock, Timer } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { Message } from "../core/types.ts";
import type { StoredSnapshot } from "../storage/snapshot-store.ts";
import { ChunkPipe } from "./chunk-pipe.ts";
import type { TransportHandler } from "./raft-transport.ts";

/** A piece of a snapshot's bytes. */
export interface SnapshotPart {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface IncomingSnapshotsOptions {
  /** How long what has come is kept without more coming, milliseconds; 60 s when absent. */
  readonly staleMs?: number;
}

/** One snapshot on its way, over one stream or several that follow each other. */
interface Transfer {
  readonly key: string;
  readonly pipe: ChunkPipe;
  /** Settles when the snapshot is durable here and handed to raft, or was not taken. */
  readonly done: Promise<void>;
  receivedBytes: number;
  /** Counts the streams: only the last one goes on. */
  streams: number;
  staleTimer: Timer | undefined;
}

/**
 * Takes snapshots in. What has come stays here when its stream breaks, and the sender goes on behind it with the next
 * one; a transfer that nobody goes on with is given up, and what was stored of it is removed.
 */
export class IncomingSnapshots {
  readonly #staleMs: number;
  readonly #clock: Clock;
  /** By the member that sends. */
  readonly #transfers = new Map<number, Transfer>();
  /** The last one of each member that was taken whole: its answer may have been lost. */
  readonly #completed = new Map<number, string>();

  constructor(options: IncomingSnapshotsOptions, deps: { readonly clock: Clock }) {
    this.#staleMs = options.staleMs ?? 60_000;
    this.#clock = deps.clock;
  }

  /**
   * Takes the parts of one stream and resolves with how many bytes of the snapshot are here; all of them = it is durable
   * and handed to raft. No parts = a question. ABORTED when the parts do not follow on what is here: the sender starts over.
   */
  async receive(
    handler: TransportHandler,
    message: Message,
    snapshot: StoredSnapshot,
    parts: AsyncIterator<SnapshotPart>,
  ): Promise<number> {
    const { from } = message;
    const { sizeBytes } = snapshot;
    const key = [message.term, snapshot.index, snapshot.term, sizeBytes].join("/");
    const first = await parts.next();
    if (first.done === true && sizeBytes > 0) return this.#bytesHere(from, key, sizeBytes);
    const transfer = this.#attach(handler, message, snapshot, key);
    const stream = transfer.streams;
    try {
      for (let part = first; part.done !== true; part = await parts.next()) {
        if (transfer.streams !== stream) throw aborted("another stream goes on with it");
        await this.#take(from, transfer, part.value, sizeBytes);
      }
      if (transfer.streams !== stream || transfer.receivedBytes < sizeBytes) {
        return transfer.receivedBytes;
      }
      transfer.pipe.end();
      await transfer.done;
      this.#completed.set(from, key);
      this.#forget(from, transfer);
      return sizeBytes;
    } finally {
      if (this.#transfers.get(from) === transfer && transfer.streams === stream) {
        transfer.staleTimer = this.#clock.setTimer(this.#staleMs, () => {
          this.#drop(from, transfer, "its sender did not go on with it");
        });
      }
    }
  }

  /** Gives up all. */
  stop(): void {
    for (const [from, transfer] of this.#transfers) {
      this.#drop(from, transfer, "this manager is stopping");
    }
  }

  #bytesHere(from: number, key: string, sizeBytes: number): number {
    if (this.#completed.get(from) === key) return sizeBytes;
    const transfer = this.#transfers.get(from);
    return transfer?.key === key ? transfer.receivedBytes : 0;
  }

  #attach(
    handler: TransportHandler,
    message: Message,
    snapshot: StoredSnapshot,
    key: string,
  ): Transfer {
    const { from } = message;
    const known = this.#transfers.get(from);
    if (known !== undefined && known.key === key) {
      known.streams += 1;
      known.staleTimer?.cancel();
      return known;
    }
    if (known !== undefined) this.#drop(from, known, "its sender has a newer one");
    const pipe = new ChunkPipe();
    const done = handler.receiveSnapshot(message, snapshot, pipe);
    const transfer = { key, pipe, done, receivedBytes: 0, streams: 1, staleTimer: undefined };
    this.#transfers.set(from, transfer);
    done.then(
      () => pipe.end(),
      () => {
        pipe.end();
        this.#forget(from, transfer);
      },
    );
    return transfer;
  }

  async #take(
    from: number,
    transfer: Transfer,
    { offset, data }: SnapshotPart,
    sizeBytes: number,
  ): Promise<void> {
    const { receivedBytes, pipe, done } = transfer;
    if (offset !== receivedBytes || offset + data.length > sizeBytes) {
      const why = `a part at ${offset} does not follow on ${receivedBytes} of ${sizeBytes} bytes`;
      this.#drop(from, transfer, why);
      throw aborted(why);
    }
    transfer.receivedBytes += data.length;
    await pipe.push(data);
    // Whoever stores it may have failed: then that is the answer.
    if (this.#transfers.get(from) !== transfer) await done;
  }

  #drop(from: number, transfer: Transfer, why: string): void {
    this.#forget(from, transfer);
    transfer.pipe.end(aborted(why));
  }

  #forget(from: number, transfer: Transfer): void {
    transfer.staleTimer?.cancel();
    if (this.#transfers.get(from) === transfer) this.#transfers.delete(from);
  }
}

function aborted(why: string): ClusterError {
  return new ClusterError("ABORTED", `a raft snapshot was not taken: ${why}`);
}
