import { ClusterError } from "../../base/errors.ts";
import type { RaftMessage, RaftMessageInput } from "../../gen/skep/RaftMessage.ts";
import { messageCodec } from "../../rpc/load-proto.ts";
import type { Message, MessageType } from "../core/types.ts";
import { snapshotInfoFromProto } from "../storage/snapshot-info-codec.ts";

const messageTypes: Readonly<Record<MessageType, true>> = {
  MsgApp: true,
  MsgAppResp: true,
  MsgHeartbeat: true,
  MsgHeartbeatResp: true,
  MsgVote: true,
  MsgVoteResp: true,
  MsgPreVote: true,
  MsgPreVoteResp: true,
  MsgSnap: true,
  MsgTimeoutNow: true,
  MsgReadIndex: true,
  MsgReadIndexResp: true,
};

const codec = messageCodec<RaftMessageInput, RaftMessage>("RaftMessage");

/** A message's bytes on a link. */
export function encodeMessage(message: Message): Buffer {
  return codec.encode(messageToProto(message));
}

/** INVALID_ARGUMENT for bytes that are no message, or one of a type that this version does not know. */
export function decodeMessage(bytes: Buffer): Message {
  let proto: RaftMessage;
  try {
    proto = codec.decode(bytes);
  } catch (error) {
    throw new ClusterError("INVALID_ARGUMENT", "not a raft message", { cause: error });
  }
  return messageFromProto(proto);
}

/** The wire form. A snapshot's metadata is added by who sends the snapshot itself. */
export function messageToProto(message: Message): RaftMessageInput {
  const { type, to, from, term, logTerm, index, entries, commit, commitTerm } = message;
  const { reject, rejectHint, context } = message;
  const proto: RaftMessageInput = { type, to, from, term, logTerm, index, commit, commitTerm };
  if (entries.length > 0) {
    proto.entries = entries.map((entry) => ({
      term: entry.term,
      index: entry.index,
      type: entry.type === "conf-change" ? "ENTRY_CONF_CHANGE" : "ENTRY_NORMAL",
      data: entry.data,
    }));
  }
  if (reject) proto.reject = true;
  if (rejectHint !== 0) proto.rejectHint = rejectHint;
  if (context.length > 0) proto.context = context;
  return proto;
}

/** INVALID_ARGUMENT for a type that this version does not know. */
export function messageFromProto(proto: RaftMessage): Message {
  if (!isMessageType(proto.type)) {
    throw new ClusterError("INVALID_ARGUMENT", `unknown raft message type "${proto.type}"`);
  }
  return {
    type: proto.type,
    to: proto.to,
    from: proto.from,
    term: proto.term,
    logTerm: proto.logTerm,
    index: proto.index,
    entries: proto.entries.map(({ term, index, type, data }) => ({
      term,
      index,
      type: type === "ENTRY_CONF_CHANGE" ? "conf-change" : "normal",
      data,
    })),
    commit: proto.commit,
    commitTerm: proto.commitTerm,
    snapshot: proto.snapshot === null ? undefined : snapshotInfoFromProto(proto.snapshot),
    reject: proto.reject,
    rejectHint: proto.rejectHint,
    context: proto.context,
    vote: 0,
  };
}

function isMessageType(type: string): type is MessageType {
  return Object.hasOwn(messageTypes, type);
}
