import type { Message } from "../core/types.ts";
import type { RaftMember, StoredSnapshot } from "../storage/snapshot-store.ts";

/** What a transport tells its node. */
export interface TransportHandler {
  /** A message from a peer. */
  receive(message: Message): void;
  /**
   * A snapshot from a peer. Resolves when it is durable here and handed to raft; rejects when it was
   * not taken.
   */
  receiveSnapshot(
    message: Message,
    snapshot: StoredSnapshot,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /** Messages to this peer were lost; `isGone`: nothing listens at its address, so its process has ended. */
  unreachable(raftId: number, isGone?: boolean): void;
}

/** Carries messages between members. Messages may be lost, delayed and reordered, but not altered. */
export interface RaftTransport {
  /** Called once, before anything is sent. */
  start(handler: TransportHandler): void;
  /** Whom it may send to; others' connections are closed. The node itself may be in the list. */
  setMembers(members: readonly RaftMember[]): void;
  /** Queues the message for `message.to`. Never waits; a full queue loses its oldest message. */
  send(message: Message): void;
  /**
   * Resolves when the peer has taken the whole snapshot, rejects otherwise. Bounded in time. `read` gives its bytes from the
   * first one on; it is called again when a stream broke, and only what is not there yet is sent.
   */
  sendSnapshot(
    message: Message,
    snapshot: StoredSnapshot,
    read: () => AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /** Whether there is a working connection to this peer. */
  reachable(raftId: number): boolean;
  stop(): Promise<void>;
}
