// Protobuf framing by hand, so that each object is encoded once and its size is known before it is put into a message.

const lengthDelimited = 2;
const signedMax = 2 ** 63;
/** Those that a negative integer takes (protobuf, "Encoding"). */
const negativeBytes = 10;
const writerBytes = 4 * 1024;

/** A field holding encoded bytes: tag, length, content. */
export function bytesField(field: number, content: Uint8Array): readonly Uint8Array[] {
  return [varints((field << 3) | lengthDelimited, content.length), content];
}

/** A field holding a non-negative integer up to 2^53 - 1. */
export function numberField(field: number, value: number): Uint8Array {
  return varints(field << 3, value);
}

function varints(...values: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  for (let value of values) {
    while (value > 127) {
      bytes.push((value % 128) | 128);
      value = Math.floor(value / 128);
    }
    bytes.push(value);
  }
  return Uint8Array.from(bytes);
}

/** Walks over the fields of a message without decoding their content; `next` throws RangeError when the message is none. */
export class FieldReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  /** Number of the field that `next` has come to. */
  field = 0;
  /** Where its tag starts. */
  tagStart = 0;
  /** Its content, when it is text, bytes or a message: from here… */
  start = 0;
  /** …to before this. For an integer both are where it ends. */
  end = 0;
  /** It, when it is an integer. */
  value = 0;
  isLengthDelimited = false;

  /** Of all of the bytes, or of those from `start` to before `end`. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  /** Goes on to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.tagStart = this.#at;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    const wireType = tag % 8;
    this.isLengthDelimited = wireType === lengthDelimited;
    if (wireType === 0) this.value = this.#varint();
    const length = this.#lengthOf(wireType);
    this.start = this.#at;
    this.end = this.#at + length;
    if (this.field === 0 || this.end > this.#end) throw new RangeError("not a message");
    this.#at = this.end;
    return true;
  }

  /** The content of the field. */
  content(): Uint8Array {
    return this.#bytes.subarray(this.start, this.end);
  }

  /** The same as text. */
  text(): string {
    return this.#bytes.toString("utf8", this.start, this.end);
  }

  /** A reader of the message that the field holds. */
  inner(): FieldReader {
    return new FieldReader(this.#bytes, this.start, this.end);
  }

  /** The integer of a field whose type has a sign. */
  signed(): number {
    if (this.value < signedMax) return this.value;
    // Ten bytes of seven bits each, of which a number has lost the lower ones.
    let value = 0n;
    const first = this.end - negativeBytes;
    for (let at = negativeBytes - 1; at >= 0; at -= 1) {
      value = (value << 7n) | BigInt((this.#bytes[first + at] ?? 0) & 127);
    }
    return Number(BigInt.asIntN(64, value));
  }

  #lengthOf(wireType: number): number {
    if (wireType === 0) return 0;
    if (wireType === 1) return 8;
    if (wireType === lengthDelimited) return this.#varint();
    if (wireType === 5) return 4;
    throw new RangeError(`no wire type ${wireType}`);
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    throw new RangeError("a number is cut short");
  }
}

/** Writes the fields of a message, into memory that it uses again. As proto3 has it, what is zero or empty is left out. */
export class FieldWriter {
  #bytes: Buffer = Buffer.allocUnsafe(writerBytes);
  #at = 0;

  /** An integer, of any integer type but the zigzag ones; an enumeration's value; a truth value as 1 or 0. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#room(2 * negativeBytes);
    this.#varint(field * 8);
    if (value >= 0) {
      this.#varint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 127n; rest >>= 7n) this.#put(Number(rest & 127n) | 128);
    this.#put(Number(rest));
  }

  text(field: number, value: string): void {
    if (value === "") return;
    const start = this.begin(field);
    this.#room(3 * value.length); // the most that UTF-8 makes of it
    this.#at += this.#bytes.write(value, this.#at, "utf8");
    this.end(start);
  }

  bytes(field: number, content: Uint8Array): void {
    const start = this.begin(field);
    this.#room(content.length);
    this.#bytes.set(content, this.#at);
    this.#at += content.length;
    this.end(start);
  }

  /** Begins a message within this one; what is written then is its fields, until `end` is called with what this gave. */
  begin(field: number): number {
    this.#room(2 * negativeBytes);
    this.#varint(field * 8 + lengthDelimited);
    this.#at += 1; // for a length below 128
    return this.#at;
  }

  end(start: number): void {
    const length = this.#at - start;
    let extra = 0;
    for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) extra += 1;
    if (extra > 0) {
      this.#room(extra);
      this.#bytes.copyWithin(start + extra, start, this.#at);
    }
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#at;
  }

  /** A copy of what was written, behind `headBytes` that are the caller's to fill; then the next message may be. */
  take(headBytes = 0): Buffer {
    const taken = Buffer.allocUnsafe(headBytes + this.#at);
    this.#bytes.copy(taken, headBytes, 0, this.#at);
    this.#at = 0;
    return taken;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#put((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#put(rest);
  }

  #put(byte: number): void {
    this.#bytes[this.#at] = byte;
    this.#at += 1;
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const more = Buffer.allocUnsafe(2 * (this.#at + count));
    more.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = more;
  }
}
