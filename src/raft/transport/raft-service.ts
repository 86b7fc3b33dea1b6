import { ClusterError } from "../../base/errors.ts";
import type { RaftHandlers } from "../../gen/skep/Raft.ts";
import type { RaftStreamAckInput } from "../../gen/skep/RaftStreamAck.ts";
import type { SnapshotChunk } from "../../gen/skep/SnapshotChunk.ts";
import type { ServiceHandlers } from "../../rpc/api.ts";
import type { CallContext, MessageSink } from "../../rpc/call.ts";
import type { RoleRule } from "../../rpc/roles.ts";
import type { Message } from "../core/types.ts";
import { snapshotInfoFromProto } from "../storage/snapshot-info-codec.ts";
import type { StoredSnapshot } from "../storage/snapshot-store.ts";
import type { SnapshotPart } from "./incoming-snapshots.ts";
import { messageFromProto, messageToProto } from "./message-codec.ts";

/** Answers that wait to go out on one stream. */
const answersMax = 64;

/** What peers' calls come to. `nodeId` is of the caller's certificate. */
export interface RaftReceiver {
  /**
   * PERMISSION_DENIED when the node may not speak as `message.from`. `answer` sends to it over its own stream, for a
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

export interface RaftService {
  readonly service: "Raft";
  readonly handlers: ServiceHandlers<RaftHandlers>;
  readonly roles: Readonly<Record<"StreamMessages" | "SendSnapshot", RoleRule>>;
}

/** The receiving side: `const { service, handlers, roles } = raftService(…); server.add(…)`. */
export function raftService(options: RaftServiceOptions): RaftService {
  return {
    service: "Raft",
    roles: { StreamMessages: "manager", SendSnapshot: "manager" },
    handlers: {
      async streamMessages(messages, context, stream) {
        const receiver = running(options);
        const nodeId = callerOf(context);
        await stream.write({}); // tells the sender that we are there
        const answer = answersOn(stream);
        for await (const message of messages) {
          // An address that was reused must not get another member's messages.
          if (message.to !== options.raftId) throw notHere(message.to);
          receiver.receive(nodeId, messageFromProto(message), answer);
        }
      },
      async sendSnapshot(chunks, context) {
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
      },
    },
  };
}

/** Never waits: what does not go out is lost, as raft sends again. */
function answersOn(stream: MessageSink<RaftStreamAckInput>): (message: Message) => void {
  let underWay = 0;
  return (message) => {
    if (underWay >= answersMax) return;
    underWay += 1;
    const settle = (): void => {
      underWay -= 1;
    };
    stream.write({ message: messageToProto(message) }).then(settle, settle);
  };
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
