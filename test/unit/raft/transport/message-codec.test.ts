import { strict as assert } from "node:assert";
import fc from "fast-check";
import { isClusterError } from "../../../../src/base/errors.ts";
import type { RaftMessage, RaftMessageInput } from "../../../../src/gen/skep/RaftMessage.ts";
import { describeMessage } from "../../../../src/raft/core/describe.ts";
import { type Entry, type MessageType, makeMessage } from "../../../../src/raft/core/types.ts";
import {
  decodeMessage,
  encodeMessage,
  messageFromProto,
  messageToProto,
} from "../../../../src/raft/transport/message-codec.ts";
import { messageCodec } from "../../../../src/rpc/load-proto.ts";

const codec = messageCodec<RaftMessageInput, RaftMessage>("RaftMessage");
const types: readonly MessageType[] = [
  ...(["MsgApp", "MsgAppResp", "MsgHeartbeat", "MsgHeartbeatResp", "MsgVote"] as const),
  ...(["MsgVoteResp", "MsgPreVote", "MsgPreVoteResp", "MsgTimeoutNow"] as const),
  ...(["MsgReadIndex", "MsgReadIndexResp"] as const),
];

describe("raft messages on the wire", () => {
  it("arrive as they were sent", () => {
    const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    const bytes = fc.uint8Array({ maxLength: 20 });
    const entry = fc.record({
      index: whole,
      term: whole,
      type: fc.constantFrom<Entry["type"]>("normal", "conf-change"),
      data: bytes,
    });
    const fields = fc.record({
      ...{ from: whole, term: whole, logTerm: whole, index: whole, commit: whole },
      ...{ commitTerm: whole, rejectHint: whole, reject: fc.boolean(), context: bytes },
      entries: fc.array(entry, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.constantFrom(...types), whole, fields, (type, to, given) => {
        const sent = makeMessage(type, to, given);
        const received = messageFromProto(codec.decode(codec.encode(messageToProto(sent))));
        assert.deepEqual(comparable(received), comparable(sent));
        const onLink = Buffer.from(encodeMessage(sent));
        assert.deepEqual(comparable(decodeMessage(onLink)), comparable(sent));
        // Both codecs are of the same schema.
        assert.deepEqual(comparable(messageFromProto(codec.decode(onLink))), comparable(sent));
        const general = codec.encode(messageToProto(sent));
        assert.deepEqual(comparable(decodeMessage(general)), comparable(sent));
        assert.equal(describeMessage(received), describeMessage(sent));
      }),
    );
  });

  it("are refused when this version does not know them", () => {
    const strange = codec.decode(codec.encode({ type: "MsgStrange", to: 1 }));
    const snapshot = codec.encode({ type: "MsgSnap", to: 1 });
    for (const decode of [
      () => messageFromProto(strange),
      () => decodeMessage(codec.encode({ type: "MsgStrange", to: 1 })),
      () => decodeMessage(snapshot),
      () => decodeMessage(Buffer.from([10, 200])),
    ]) {
      assert.throws(decode, (error) => isClusterError(error, "INVALID_ARGUMENT"));
    }
  });
});

/** Bytes as text: a Buffer and a Uint8Array are not deeply equal. */
function comparable(message: ReturnType<typeof messageFromProto>): unknown {
  return JSON.parse(
    JSON.stringify({
      ...message,
      context: Buffer.from(message.context).toString("hex"),
      entries: message.entries.map((entry) => ({
        ...entry,
        data: Buffer.from(entry.data).toString("hex"),
      })),
    }),
  );
}
