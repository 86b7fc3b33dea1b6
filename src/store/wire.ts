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
