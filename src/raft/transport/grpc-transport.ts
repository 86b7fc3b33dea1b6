import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { SnapshotAck } from "../../gen/skep/SnapshotAck.ts";
import type { SnapshotChunkInput } from "../../gen/skep/SnapshotChunk.ts";
import type { ChannelPool } from "../../rpc/channel-pool.ts";
import type { Message } from "../core/types.ts";
import { snapshotInfoToProto } from "../storage/snapshot-info-codec.ts";
import type { RaftMember, StoredSnapshot } from "../storage/snapshot-store.ts";
import { messageToProto } from "./message-codec.ts";
import { Peer } from "./peer.ts";
import type { RaftTransport, TransportHandler } from "./raft-transport.ts";

export interface GrpcTransportOptions {
  readonly raftId: number;
  /** How long a snapshot may take, milliseconds; 5 minutes when absent. */
  readonly snapshotTimeoutMs?: number;
}

export interface GrpcTransportDeps {
  readonly channels: ChannelPool;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called when a peer says that this node does not belong to the cluster any more, with its reason. */
  readonly onRefused?: (reason: string) => void;
}

const chunkBytesMax = 1024 * 1024;

/** Sends over one gRPC stream a peer; the receiving side is `raftService`. */
export class GrpcTransport implements RaftTransport {
  readonly #options: GrpcTransportOptions;
  readonly #deps: GrpcTransportDeps;
  readonly #log: Logger;
  readonly #peers = new Map<number, Peer>();
  readonly #abort = new AbortController();
  #handler: TransportHandler | undefined;

  constructor(options: GrpcTransportOptions, deps: GrpcTransportDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#log = deps.log.child({ module: "raft-transport" });
  }

  start(handler: TransportHandler): void {
    this.#handler = handler;
  }

  /** The node behind, for `raftService`. */
  get handler(): TransportHandler | undefined {
    return this.#handler;
  }

  setMembers(members: readonly RaftMember[]): void {
    if (this.#abort.signal.aborted) return;
    const wanted = new Map(members.map((member) => [member.raftId, member.address]));
    for (const [raftId, peer] of this.#peers) {
      if (wanted.get(raftId) === peer.address) continue;
      peer.stop();
      this.#peers.delete(raftId);
    }
    for (const [raftId, address] of wanted) {
      if (raftId === this.#options.raftId || this.#peers.has(raftId)) continue;
      const onUnreachable = (): void => this.#handler?.unreachable(raftId);
      const peer = new Peer(address, { ...this.#deps, log: this.#log, onUnreachable });
      this.#peers.set(raftId, peer);
    }
  }

  send(message: Message): void {
    this.#peers.get(message.to)?.send(message);
  }

  async sendSnapshot(
    message: Message,
    snapshot: StoredSnapshot,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const peer = this.#peers.get(message.to);
    if (peer === undefined) {
      throw new ClusterError("NOT_FOUND", `raft member ${message.to} has no known address`);
    }
    const upload = this.#deps.channels.upload<SnapshotChunkInput, SnapshotAck>(
      peer.address,
      "Raft",
      "SendSnapshot",
      {
        timeoutMs: this.#options.snapshotTimeoutMs ?? 5 * 60_000,
        signal: this.#abort.signal,
      },
    );
    let offset = 0;
    try {
      const metadata = { ...snapshotInfoToProto(snapshot), sizeBytes: snapshot.sizeBytes };
      await upload.write({ message: { ...messageToProto(message), snapshot: metadata } });
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length; at += chunkBytesMax) {
          const data = chunk.subarray(at, at + chunkBytesMax);
          await upload.write({ offset, data });
          offset += data.length;
        }
      }
      upload.end();
    } catch (error) {
      upload.cancel();
      // The peer's own reason, when it has one, says more than a broken stream.
      await upload.response;
      throw error;
    }
    const ack = await upload.response;
    if (ack.receivedBytes !== offset) {
      throw new ClusterError(
        "DATA_LOSS",
        `raft member ${message.to} took ${ack.receivedBytes} of ${offset} bytes of a snapshot`,
      );
    }
  }

  reachable(raftId: number): boolean {
    return raftId === this.#options.raftId || (this.#peers.get(raftId)?.connected ?? false);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    for (const peer of this.#peers.values()) peer.stop();
    this.#peers.clear();
  }
}
