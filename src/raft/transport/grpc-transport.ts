import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { ChannelPool } from "../../rpc/channel-pool.ts";
import type { Message, MessageType } from "../core/types.ts";
import type { RaftMember, StoredSnapshot } from "../storage/snapshot-store.ts";
import { IncomingSnapshots } from "./incoming-snapshots.ts";
import { sendSnapshot } from "./outgoing-snapshot.ts";
import { Peer } from "./peer.ts";
import type { RaftReceiver } from "./raft-service.ts";
import type { RaftTransport, TransportHandler } from "./raft-transport.ts";
import { Senders } from "./senders.ts";

export interface GrpcTransportOptions {
  readonly raftId: number;
  /** How long a snapshot may take, milliseconds; 5 minutes when absent. */
  readonly snapshotTimeoutMs?: number;
  /** Whether the state names this id as a former member's; what it says is refused, also after a restart. */
  readonly isRemoved?: (raftId: number) => boolean;
}

export interface GrpcTransportDeps {
  readonly channels: ChannelPool;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called when a peer says that this node does not belong to the cluster any more, with its reason. */
  readonly onRefused?: (reason: string) => void;
}

/** Members that are not known here yet, and how to answer them; the one that spoke last is the one that counts. */
const answersMax = 4;
/** What comes back over the own link: what a follower says to its leader, and a voter to a candidate. */
const answerTypes: ReadonlySet<MessageType> = new Set([
  "MsgAppResp",
  "MsgHeartbeatResp",
  "MsgPreVoteResp",
  "MsgVoteResp",
]);

/** Sends messages over one link a peer, and snapshots by gRPC; the receiving side is `serveRaft`. */
export class GrpcTransport implements RaftTransport {
  readonly #options: GrpcTransportOptions;
  readonly #deps: GrpcTransportDeps;
  readonly #log: Logger;
  readonly #peers = new Map<number, Peer>();
  readonly #abort = new AbortController();
  readonly #senders: Senders;
  /** The way back to members that this one does not know yet, by raft id. */
  readonly #answers = new Map<number, (message: Message) => void>();
  readonly #incoming: IncomingSnapshots;
  #handler: TransportHandler | undefined;
  #receiver: RaftReceiver | undefined;

  constructor(options: GrpcTransportOptions, deps: GrpcTransportDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#senders = new Senders(options.isRemoved);
    this.#log = deps.log.child({ module: "raft-transport" });
    this.#incoming = new IncomingSnapshots({}, deps);
  }

  start(handler: TransportHandler): void {
    this.#handler = handler;
    const senders = this.#senders;
    this.#receiver = {
      receive: (nodeId, message, answer) => {
        senders.check(nodeId, message);
        if (!this.#peers.has(message.from)) this.#keepAnswer(message.from, answer);
        handler.receive(message);
      },
      receiveSnapshot: async (nodeId, message, snapshot, parts) => {
        senders.check(nodeId, message);
        return await this.#incoming.receive(handler, message, snapshot, parts);
      },
    };
  }

  /** The node behind, and who may speak to it, for `serveRaft`. */
  get handler(): RaftReceiver | undefined {
    return this.#receiver;
  }

  setMembers(members: readonly RaftMember[]): void {
    if (this.#abort.signal.aborted) return;
    this.#senders.setMembers(members);
    const wanted = new Map(members.map((member) => [member.raftId, member.address]));
    for (const [raftId, peer] of this.#peers) {
      if (wanted.get(raftId) === peer.address) continue;
      peer.stop();
      this.#peers.delete(raftId);
    }
    for (const [raftId, address] of wanted) {
      if (raftId === this.#options.raftId || this.#peers.has(raftId)) continue;
      this.#answers.delete(raftId);
      const onUnreachable = (isGone: boolean): void => this.#handler?.unreachable(raftId, isGone);
      const onAnswer = (message: Message): void => this.#answered(raftId, message);
      const deps = { ...this.#deps, log: this.#log, onUnreachable, onAnswer };
      this.#peers.set(raftId, new Peer(address, deps));
    }
  }

  send(message: Message): void {
    const { to } = message;
    const peer = this.#peers.get(to);
    if (peer === undefined) this.#answers.get(to)?.(message);
    else peer.send(message);
  }

  async sendSnapshot(
    message: Message,
    snapshot: StoredSnapshot,
    read: () => AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const peer = this.#peers.get(message.to);
    if (peer === undefined) {
      throw new ClusterError("NOT_FOUND", `raft member ${message.to} has no known address`);
    }
    await sendSnapshot(
      {
        address: peer.address,
        message,
        snapshot,
        read,
        timeoutMs: this.#options.snapshotTimeoutMs ?? 5 * 60_000,
        signal: this.#abort.signal,
      },
      { ...this.#deps, log: this.#log },
    );
  }

  reachable(raftId: number): boolean {
    return raftId === this.#options.raftId || (this.#peers.get(raftId)?.connected ?? false);
  }

  // A member that was away while all others were replaced hears a leader that it cannot dial.
  #keepAnswer(raftId: number, answer: (message: Message) => void): void {
    this.#answers.delete(raftId);
    this.#answers.set(raftId, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > answersMax && oldest !== undefined) this.#answers.delete(oldest);
  }

  // By the address that the membership names.
  #answered(raftId: number, message: Message): void {
    const { type, from, to } = message;
    if (from !== raftId || to !== this.#options.raftId) return;
    if (answerTypes.has(type)) this.#handler?.receive(message);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#incoming.stop();
    for (const peer of this.#peers.values()) peer.stop();
    this.#peers.clear();
  }
}
