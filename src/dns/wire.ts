import dns2 from "dns2";

// DNS messages (RFC 1035 §4), as much of them as a resolver of a cluster's names needs. The numbers are dns2's; why not its reader and
// writer too: docs/decisions/0010-dns-messages.md.

const { TYPE, CLASS } = dns2.Packet;

/** Record types that are answered from a zone. */
export const recordTypes = {
  a: TYPE.A,
  ptr: TYPE.PTR,
  aaaa: TYPE.AAAA,
  any: TYPE.ANY,
} as const;
/** Response codes. */
export const responseCodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

const headerBytes = 12;
const nameBytesMax = 255;
const internetClass = CLASS.IN;
const optType = TYPE.EDNS;
const plainUdpBytes = 512;
const udpBytesMax = 4096;

/** A question, as far as a resolver needs to know it. */
export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  /** As asked, without the final dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The name, type and class in the packet's own bytes. */
  readonly question: Buffer;
  /** The largest answer the asker takes by UDP. */
  readonly udpBytes: number;
}

/** One answer record. */
export type AnswerRecord =
  | { readonly type: "A"; readonly address: string }
  | { readonly type: "PTR"; readonly name: string };

export interface Answer {
  readonly code: number;
  readonly records: readonly AnswerRecord[];
  readonly ttlSeconds: number;
}

/** Reads a query; undefined when it is none (a response, cut short, more than one question, a broken name). */
export function readQuery(packet: Buffer): Query | undefined {
  if (packet.length < headerBytes) return undefined;
  const flags = packet.readUInt16BE(2);
  const isResponse = (flags & 0x8000) !== 0;
  if (isResponse || packet.readUInt16BE(4) !== 1) return undefined;
  const name = readName(packet, headerBytes);
  if (name === undefined || name.end + 4 > packet.length) return undefined;
  const end = name.end + 4;
  const plain = packet.readUInt16BE(6) === 0 && packet.readUInt16BE(8) === 0;
  return {
    id: packet.readUInt16BE(0),
    opcode: (flags >> 11) & 15,
    recursionDesired: (flags & 0x100) !== 0,
    name: name.text,
    type: packet.readUInt16BE(name.end),
    class: packet.readUInt16BE(name.end + 2),
    question: packet.subarray(headerBytes, end),
    udpBytes: plain && packet.readUInt16BE(10) > 0 ? optBytes(packet, end) : plainUdpBytes,
  };
}

/** Whether `packet` is the response to the query with this id and exactly this question. */
export function isResponseTo(packet: Buffer, id: number, question: Buffer): boolean {
  return (
    packet.length >= headerBytes + question.length &&
    packet.readUInt16BE(0) === id &&
    (packet.readUInt16BE(2) & 0x8000) !== 0 &&
    packet.readUInt16BE(4) === 1 &&
    packet.compare(question, 0, question.length, headerBytes, headerBytes + question.length) === 0
  );
}

/** Whether a response was cut and must be asked for again by TCP. */
export function isTruncated(packet: Buffer): boolean {
  return (packet.readUInt16BE(2) & 0x0200) !== 0;
}

/** The response code of a packet. */
export function responseCodeOf(packet: Buffer): number {
  return packet.readUInt16BE(2) & 15;
}

/** The packet with another id. */
export function withId(packet: Buffer, id: number): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** A response to `query`; records that do not fit into `bytesMax` are left out and the packet says so. */
export function writeAnswer(query: Query, answer: Answer, bytesMax: number): Buffer {
  const whole = encode(query, answer, false);
  if (whole.length <= bytesMax) return whole;
  return encode(query, { ...answer, records: [] }, true);
}

/** A response with no records, made from the query's own bytes. */
export function writeError(query: Query, code: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(query.id, 0);
  const desired = query.recursionDesired ? 0x100 : 0;
  header.writeUInt16BE(0x8080 | (query.opcode << 11) | desired | code, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, query.question]);
}

/** The answer to a packet whose question could not be read; undefined when it deserves none. */
export function writeFormatError(packet: Buffer): Buffer | undefined {
  if (packet.length < headerBytes || (packet.readUInt16BE(2) & 0x8000) !== 0) return undefined;
  const header = Buffer.alloc(headerBytes);
  packet.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8080 | (packet.readUInt16BE(2) & 0x7900) | responseCodes.formatError, 2);
  return header;
}

/** The query that is sent on: a fresh id, the same question, and room for 1232 bytes. */
export function writeForwardQuery(id: number, question: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, question]);
}

function encode(query: Query, answer: Answer, truncated: boolean): Buffer {
  const head = writeError(query, answer.code);
  if (truncated) head.writeUInt16BE(head.readUInt16BE(2) | 0x0200, 2);
  head.writeUInt16BE(answer.records.length, 6);
  return Buffer.concat([
    head,
    ...answer.records.map((record) => writeRecord(record, answer.ttlSeconds)),
  ]);
}

function writeRecord(record: AnswerRecord, ttlSeconds: number): Buffer {
  const data =
    record.type === "A"
      ? Buffer.from(record.address.split(".").map(Number))
      : writeName(record.name);
  const head = Buffer.alloc(12);
  // The name is the question's: a pointer to it.
  head.writeUInt16BE(0xc000 | headerBytes, 0);
  head.writeUInt16BE(record.type === "A" ? recordTypes.a : recordTypes.ptr, 2);
  head.writeUInt16BE(internetClass, 4);
  head.writeUInt32BE(ttlSeconds, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

// Names of ours, checked when they were given: labels of at most 63 bytes.
function writeName(name: string): Buffer {
  const labels = name
    .split(".")
    .filter((label) => label !== "")
    .map((label) => Buffer.from(label, "latin1").subarray(0, 63));
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), label]),
    Buffer.from([0]),
  ]);
}

// Labels only: a question is the first name of its packet, a pointer in it has nothing to point to.
function readName(packet: Buffer, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = packet[at];
    if (length === undefined || length > 63 || at + 1 + length - start > nameBytesMax) {
      return undefined;
    }
    at += 1;
    if (length === 0) return { text: labels.join("."), end: at };
    if (at + length > packet.length) return undefined;
    const label = packet.toString("latin1", at, at + length);
    // It could not be told from two labels once joined.
    if (label.includes(".")) return undefined;
    labels.push(label);
    at += length;
  }
}

// The OPT record of a plain query: root name, type, class = size.
function optBytes(packet: Buffer, at: number): number {
  if (at + 5 > packet.length || packet[at] !== 0 || packet.readUInt16BE(at + 1) !== optType) {
    return plainUdpBytes;
  }
  return Math.min(Math.max(packet.readUInt16BE(at + 3), plainUdpBytes), udpBytesMax);
}
