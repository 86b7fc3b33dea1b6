// Protobuf framing by hand, so that each object is encoded once and its size is known before it is put into a message.

const lengthDelimited = 2;

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
  readonly #bytes: Uint8Array;
  #at = 0;
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

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes on to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    this.tagStart = this.#at;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    const wireType = tag % 8;
    this.isLengthDelimited = wireType === lengthDelimited;
    if (wireType === 0) this.value = this.#varint();
    const length = this.#lengthOf(wireType);
    this.start = this.#at;
    this.end = this.#at + length;
    if (this.field === 0 || this.end > this.#bytes.length) throw new RangeError("not a message");
    this.#at = this.end;
    return true;
  }

  /** The content of the field. */
  content(): Uint8Array {
    return this.#bytes.subarray(this.start, this.end);
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
