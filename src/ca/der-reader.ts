import { ClusterError } from "../base/errors.ts";

/** One DER value. */
export interface DerValue {
  /** Identifier octet: class, constructed bit and number. */
  readonly tag: number;
  readonly content: Uint8Array;
  /** The whole encoding, tag and length included. */
  readonly raw: Uint8Array;
}

/** Identifier octets this house reads. */
export const derTags = {
  integer: 0x02,
  boolean: 0x01,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  context0: 0xa0,
  context3: 0xa3,
} as const;

/**
 * Reads DER one level at a time, without recursion, and takes only the shortest definite lengths and low tag
 * numbers. Made for bytes of strangers: anything else is INVALID_ARGUMENT (X.690 section 10).
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next value, whatever it is. */
  next(): DerValue {
    const start = this.#offset;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw malformed("it has a long tag");
    const length = this.#length();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw malformed("it is cut short");
    const content = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return { tag, content, raw: this.#bytes.subarray(start, end) };
  }

  /** The next value, which must have this tag. */
  expect(tag: number): DerValue {
    const value = this.next();
    if (value.tag !== tag) throw malformed(`tag ${value.tag} stands where ${tag} belongs`);
    return value;
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.atEnd) throw malformed("bytes follow its end");
  }

  #byte(): number {
    const value = this.#bytes[this.#offset];
    if (value === undefined) throw malformed("it is cut short");
    this.#offset += 1;
    return value;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw malformed("a length is indefinite or too long");
    let length = 0;
    for (let i = 0; i < count; i += 1) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1))
      throw malformed("a length is not the shortest");
    return length;
  }
}

function malformed(reason: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `malformed DER: ${reason}`);
}
