import { ClusterError } from "../../base/errors.ts";
import type { RaftHandlers } from "../../gen/skep/Raft.ts";
import type { SnapshotChunk } from "../../gen/skep/SnapshotChunk.ts";
import type { ServiceHandlers } from "../../rpc/api.ts";
import type { RoleRule } from "../../rpc/roles.ts";
import { snapshotInfoFromProto } from "../storage/snapshot-info-codec.ts";
import { messageFromProto } from "./message-codec.ts";
import type { TransportHandler } from "./raft-transport.ts";

export interface RaftServiceOptions {
  readonly raftId: number;
  /** The node, once it runs. */
  readonly handler: () => TransportHandler | undefined;
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
      async streamMessages(messages, _context, stream) {
        const handler = running(options);
        await stream.write({}); // tells the sender that we are there
        for await (const message of messages) {
          // An address that was reused must not get another member's messages.
          if (message.to !== options.raftId) throw notHere(message.to);
          handler.receive(messageFromProto(message));
        }
      },
      async sendSnapshot(chunks) {
        const handler = running(options);
        const reader = chunks[Symbol.asyncIterator]();
        const first = await reader.next();
        const head = first.done === true ? null : first.value.message;
        if (head === null || head.snapshot === null) {
          throw new ClusterError("INVALID_ARGUMENT", "a snapshot starts with its metadata");
        }
        if (head.to !== options.raftId) throw notHere(head.to);
        const received = { bytes: 0 };
        const { sizeBytes } = head.snapshot;
        const snapshot = { ...snapshotInfoFromProto(head.snapshot), sizeBytes };
        const message = messageFromProto(head);
        await handler.receiveSnapshot(message, snapshot, dataOf(reader, sizeBytes, received));
        return { receivedBytes: received.bytes };
      },
    },
  };
}

async function* dataOf(
  reader: AsyncIterator<SnapshotChunk>,
  sizeBytes: number,
  received: { bytes: number },
): AsyncGenerator<Uint8Array, void, void> {
  for (;;) {
    const next = await reader.next();
    if (next.done === true) break;
    const { offset, data } = next.value;
    if (offset !== received.bytes) {
      throw new ClusterError("DATA_LOSS", `a snapshot chunk at ${received.bytes} is missing`);
    }
    received.bytes += data.length;
    yield data;
  }
  // A sender that went away may look like one that has finished.
  if (received.bytes !== sizeBytes) {
    const text = `a snapshot of ${sizeBytes} bytes ended after ${received.bytes}`;
    throw new ClusterError("DATA_LOSS", text);
  }
}

function running({ handler }: RaftServiceOptions): TransportHandler {
  const node = handler();
  if (node === undefined) throw new ClusterError("UNAVAILABLE", "raft is not running here yet");
  return node;
}

function notHere(raftId: number): ClusterError {
  return new ClusterError("NOT_FOUND", `raft member ${raftId} is not here`);
}
