/** So many bytes lie together. */
const blockBytes = 64 * 1024;
/** What is longer lies alone. */
const sharedBytesMax = 16 * 1024;
/** The memory around them may be so much larger. */
const strayShareMax = 1.1;

/**
 * Copies of bytes that stay for a while, one behind the other. What they come with is a part of something larger: of the 8 KiB that Node allots
 * small buffers from, or of what was read from a connection. Each would keep all of that, six times its size; and once memory outside of V8's
 * heap has grown by 64 MB, V8 marks the heap, tens of milliseconds at a time (docs/benchmarks.md, "Large state"). Copies that are dropped in the
 * order in which they were made give their memory back.
 */
export class CompactMemory {
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** A copy, or the bytes themselves where they are many and nearly all of their memory; they must not be changed any more. */
  copy(bytes: Uint8Array): Buffer {
    const { length } = bytes;
    if (length > sharedBytesMax) {
      const { buffer, byteOffset } = bytes;
      if (buffer.byteLength <= length * strayShareMax)
        return Buffer.from(buffer, byteOffset, length);
      const alone = Buffer.allocUnsafeSlow(length);
      alone.set(bytes);
      return alone;
    }
    if (this.#at + length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(blockBytes);
      this.#at = 0;
    }
    const copy = this.#block.subarray(this.#at, this.#at + length);
    copy.set(bytes);
    this.#at += length;
    return copy;
  }
}
