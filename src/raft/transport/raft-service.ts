import { ClusterError } from "../../base/errors.ts";
import type { RaftHandlers } from "../../gen/skep/Raft.ts";
import type { SnapshotChunk } from "../../gen/skep/SnapshotChunk.ts";
import type { ServiceHandlers } from "../../rpc/api.ts";
import type { CallContext } from "../../rpc/call.ts";
import type { RpcServer } from "../../rpc/server.ts";
import type { Message } from "../core/types.ts";
import { snapshotInfoFromProto } from "../storage/snapshot-info-codec.ts";
import type { StoredSnapshot } from "../storage/snapshot-store.ts";
import type { SnapshotPart } from "./incoming-snapshots.ts";
import { decodeMessage, encodeMessage, messageFromProto } from "./message-codec.ts";

/** What peers' calls come to. `nodeId` is of the caller's certificate. */
export interface RaftReceiver {
  /**
   * PERMISSION_DENIED when the node may not speak as `message.from`. `answer` sends to it over its own link, for a
   * sender whose address is not known.
   */
  receive(nodeId: string, message: Message, answer: (message: Message) => void): void;
  /** A stream with a snapshot, or a part of it; resolves with how many of its bytes are here. */
  receiveSnapshot(
    nodeId: string,
    message: Message,
    snapshot: StoredSnapshot,
    parts: AsyncIterator<SnapshotPart>,
  ): Promise<number>;
}

export interface RaftServiceOptions {
  readonly raftId: number;
  /** The transport's, once the node runs. */
  readonly handler: () => RaftReceiver | undefined;
}

/** How managers' links name the protocol of raft's messages; each is a RaftMessage. */
export const raftProtocol = "skep-raft/1";

const service = "Raft";

/** The receiving side, until the returned function is called: messages by links, snapshots by gRPC. */
export function serveRaft(server: RpcServer, options: RaftServiceOptions): () => void {
  const handlers: ServiceHandlers<RaftHandlers> = {
    sendSnapshot: (chunks, context) => receiveSnapshot(options, chunks, context),
  };
  server.add(service, handlers, { SendSnapshot: "manager" });
  server.addLinks(raftProtocol, "manager", (nodeId, link) => {
    const receiver = running(options);
    // Never waits: what does not go out is lost, as raft sends again.
    const answer = (message: Message): void => {
      if (!link.isFull) link.send(encodeMessage(message));
    };
    return (bytes) => {
      const message = decodeMessage(bytes);
      // An address that was reused must not get another member's messages.
      if (message.to !== options.raftId) throw notHere(message.to);
      receiver.receive(nodeId, message, answer);
    };
  });
  return () => {
    server.removeLinks(raftProtocol);
    server.remove(service);
  };
}

async function receiveSnapshot(
  options: RaftServiceOptions,
  chunks: AsyncIterable<SnapshotChunk>,
  context: CallContext,
): Promise<{ receivedBytes: number }> {
  const receiver = running(options);
  const reader = chunks[Symbol.asyncIterator]();
  const first = await reader.next();
  const head = first.done === true ? null : first.value.message;
  if (head === null || head.snapshot === null) {
    throw new ClusterError("INVALID_ARGUMENT", "a snapshot starts with its metadata");
  }
  if (head.to !== options.raftId) throw notHere(head.to);
  const { sizeBytes } = head.snapshot;
  const snapshot = { ...snapshotInfoFromProto(head.snapshot), sizeBytes };
  const message = messageFromProto(head);
  const parts = partsOf(reader);
  const nodeId = callerOf(context);
  return { receivedBytes: await receiver.receiveSnapshot(nodeId, message, snapshot, parts) };
}

async function* partsOf(
  reader: AsyncIterator<SnapshotChunk>,
): AsyncGenerator<SnapshotPart, void, void> {
  for (;;) {
    const next = await reader.next();
    if (next.done === true) return;
    const { offset, data } = next.value;
    yield { offset, data };
  }
}

function callerOf({ peer }: CallContext): string {
  if (peer === undefined) {
    throw new ClusterError(
      "UNAUTHENTICATED",
      "raft takes messages of this cluster's managers only",
    );
  }
  return peer.nodeId;
}

function running({ handler }: RaftServiceOptions): RaftReceiver {
  const node = handler();
  if (node === undefined) throw new ClusterError("UNAVAILABLE", "raft is not running here yet");
  return node;
}

function notHere(raftId: number): ClusterError {
  return new ClusterError("NOT_FOUND", `raft member ${raftId} is not here`);
}
