import protobuf from "protobufjs/minimal.js";
import { ClusterError } from "../../base/errors.ts";
import type { RaftMessage, RaftMessageInput } from "../../gen/skep/RaftMessage.ts";
import type { Entry, Message, MessageType } from "../core/types.ts";
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

const { Reader, Writer } = protobuf;
const nothing = new Uint8Array(0);

// Each is a message of proto/raft.proto, written without the objects in between that the general codec makes: these two are on the path
// of every write, twice on either side. Tags are field number * 8 + wire type.

/** A message's bytes on a link (RaftMessage). A MsgSnap goes with its snapshot, and not here. */
export function encodeMessage(message: Message): Uint8Array {
  const { type, to, from, term, logTerm, index, entries, commit, commitTerm } = message;
  const { reject, rejectHint, context } = message;
  const writer = Writer.create().uint32(10).string(type).uint32(16).uint64(to);
  writer.uint32(24).uint64(from).uint32(32).uint64(term).uint32(40).uint64(logTerm);
  writer.uint32(48).uint64(index);
  for (const entry of entries) {
    writer.uint32(58).fork().uint32(8).uint64(entry.term).uint32(16).uint64(entry.index);
    if (entry.type === "conf-change") writer.uint32(24).int32(1);
    writer.uint32(34).bytes(entry.data).ldelim();
  }
  writer.uint32(64).uint64(commit).uint32(72).uint64(commitTerm);
  if (reject) writer.uint32(88).bool(true);
  if (rejectHint !== 0) writer.uint32(96).uint64(rejectHint);
  if (context.length > 0) writer.uint32(106).bytes(context);
  return writer.finish();
}

/** INVALID_ARGUMENT for bytes that are no message, or one of a type that does not come over a link. */
export function decodeMessage(bytes: Buffer): Message {
  try {
    return readMessage(Reader.create(bytes));
  } catch (error) {
    if (error instanceof ClusterError) throw error;
    throw new ClusterError("INVALID_ARGUMENT", "not a raft message", { cause: error });
  }
}

function readMessage(reader: protobuf.Reader): Message {
  const entries: Entry[] = [];
  let type = "";
  let [to, from, term, logTerm, index, commit, commitTerm, rejectHint] = [0, 0, 0, 0, 0, 0, 0, 0];
  let reject = false;
  let context: Uint8Array = nothing;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) type = reader.string();
    else if (tag === 16) to = numberIn(reader);
    else if (tag === 24) from = numberIn(reader);
    else if (tag === 32) term = numberIn(reader);
    else if (tag === 40) logTerm = numberIn(reader);
    else if (tag === 48) index = numberIn(reader);
    else if (tag === 58) entries.push(readEntry(reader, reader.uint32() + reader.pos));
    else if (tag === 64) commit = numberIn(reader);
    else if (tag === 72) commitTerm = numberIn(reader);
    else if (tag === 88) reject = reader.bool();
    else if (tag === 96) rejectHint = numberIn(reader);
    else if (tag === 106) context = reader.bytes();
    else reader.skipType(tag & 7);
  }
  if (!isMessageType(type) || type === "MsgSnap") throw unknownType(type);
  const numbers = { to, from, term, logTerm, index, commit, commitTerm, rejectHint, vote: 0 };
  return { type, entries, reject, context, snapshot: undefined, ...numbers };
}

function readEntry(reader: protobuf.Reader, end: number): Entry {
  let [term, index, type] = [0, 0, 0];
  let data: Uint8Array = nothing;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) term = numberIn(reader);
    else if (tag === 16) index = numberIn(reader);
    else if (tag === 24) type = reader.int32();
    else if (tag === 34) data = reader.bytes();
    else reader.skipType(tag & 7);
  }
  return { term, index, type: type === 1 ? "conf-change" : "normal", data };
}

function numberIn(reader: protobuf.Reader): number {
  const value = reader.uint64();
  return typeof value === "number" ? value : (value.high >>> 0) * 2 ** 32 + (value.low >>> 0);
}

function unknownType(type: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `unknown raft message type "${type}"`);
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
    throw unknownType(proto.type);
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
