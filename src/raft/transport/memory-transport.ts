import { ClusterError } from "../../base/errors.ts";
import type { Message } from "../core/types.ts";
import type { RaftMember, StoredSnapshot } from "../storage/snapshot-store.ts";
import type { RaftTransport, TransportHandler } from "./raft-transport.ts";

/** Members of one process, connected without a network. Links can be cut. */
export class MemoryNetwork {
  readonly #nodes = new Map<number, TransportHandler>();
  readonly #cut = new Set<string>();

  /** The transport of a member. */
  transport(raftId: number): RaftTransport {
    return new MemoryTransport(raftId, this);
  }

  /** Cuts or mends the link from one member to another, in that direction. */
  setLink(from: number, to: number, works: boolean): void {
    if (works) this.#cut.delete(`${from}>${to}`);
    else this.#cut.add(`${from}>${to}`);
  }

  /** Cuts or mends all links of a member. */
  setIsolated(raftId: number, isolated: boolean): void {
    for (const other of this.#nodes.keys()) {
      this.setLink(raftId, other, !isolated);
      this.setLink(other, raftId, !isolated);
    }
  }

  /** The receiver, when the link to it works. */
  route(from: number, to: number): TransportHandler | undefined {
    return this.#cut.has(`${from}>${to}`) ? undefined : this.#nodes.get(to);
  }

  attach(raftId: number, handler: TransportHandler): void {
    this.#nodes.set(raftId, handler);
  }

  detach(raftId: number): void {
    this.#nodes.delete(raftId);
  }
}

class MemoryTransport implements RaftTransport {
  readonly #raftId: number;
  readonly #network: MemoryNetwork;
  #members = new Set<number>();
  /** Members that spoke to this one: they can be answered, known or not. */
  readonly #heard = new Set<number>();
  #handler: TransportHandler | undefined;

  constructor(raftId: number, network: MemoryNetwork) {
    this.#raftId = raftId;
    this.#network = network;
  }

  start(handler: TransportHandler): void {
    this.#handler = handler;
    this.#network.attach(this.#raftId, {
      receive: (message) => {
        this.#heard.add(message.from);
        handler.receive(message);
      },
      unreachable: (raftId) => handler.unreachable(raftId),
      receiveSnapshot: (message, snapshot, chunks) =>
        handler.receiveSnapshot(message, snapshot, chunks),
    });
  }

  setMembers(members: readonly RaftMember[]): void {
    this.#members = new Set(members.map((member) => member.raftId));
  }

  send(message: Message): void {
    if (!this.#members.has(message.to) && !this.#heard.has(message.to)) return;
    const receiver = this.#network.route(this.#raftId, message.to);
    if (receiver === undefined) {
      queueMicrotask(() => this.#handler?.unreachable(message.to));
      return;
    }
    // The link may have been cut meanwhile: what is under way then is lost.
    queueMicrotask(() => this.#network.route(this.#raftId, message.to)?.receive(message));
  }

  async sendSnapshot(
    message: Message,
    snapshot: StoredSnapshot,
    read: () => AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const receiver = this.#network.route(this.#raftId, message.to);
    if (receiver === undefined || !this.#members.has(message.to)) {
      throw new ClusterError("UNAVAILABLE", `raft member ${message.to} cannot be reached`);
    }
    await receiver.receiveSnapshot(message, snapshot, read());
  }

  reachable(raftId: number): boolean {
    return raftId === this.#raftId || this.#network.route(this.#raftId, raftId) !== undefined;
  }

  async stop(): Promise<void> {
    this.#network.detach(this.#raftId);
    this.#handler = undefined;
  }
}
