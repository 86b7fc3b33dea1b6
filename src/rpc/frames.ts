import { ClusterError } from "../base/errors.ts";
import { messageBytesMax } from "./limits.ts";

// A frame of a link: length of what follows u32, kind u8, payload. Numbers are big-endian.
const kinds = ["ping", "pong", "message", "end"] as const;
const lengthBytes = 4;
const headerBytes = 5;

/** `ping` asks the other side to answer `pong`; `end` says why the link is closed (JSON). */
export type FrameKind = (typeof kinds)[number];

/** A frame as it goes over the wire. */
export function encodeFrame(kind: FrameKind, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt32BE(1 + payload.length, 0);
  frame[lengthBytes] = kinds.indexOf(kind);
  frame.set(payload, headerBytes);
  return frame;
}

/** Takes frames out of a stream of bytes, however it is cut. */
export class FrameReader {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #neededBytes = lengthBytes;

  /**
   * Calls `onFrame` for each frame that is whole now; its payload is a view of what was read.
   * INVALID_ARGUMENT for a frame that is too long or of no known kind: nothing after it can be read.
   */
  take(chunk: Buffer, onFrame: (kind: FrameKind, payload: Buffer) => void): void {
    let bytes = chunk;
    if (this.#waitingBytes > 0) {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
      if (this.#waitingBytes < this.#neededBytes) return;
      bytes = Buffer.concat(this.#waiting);
    }
    let at = 0;
    this.#neededBytes = lengthBytes;
    while (bytes.length - at >= lengthBytes) {
      const length = bytes.readUInt32BE(at);
      if (length < 1 || length > 1 + messageBytesMax) throw unreadable(`of ${length} bytes`);
      const end = at + lengthBytes + length;
      this.#neededBytes = end - at;
      if (bytes.length < end) break;
      const kind = kinds[bytes[at + lengthBytes] ?? kinds.length];
      if (kind === undefined) throw unreadable("of no known kind");
      onFrame(kind, bytes.subarray(at + headerBytes, end));
      at = end;
      this.#neededBytes = lengthBytes;
    }
    this.#waiting = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#waitingBytes = bytes.length - at;
  }
}

function unreadable(what: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `a frame ${what} cannot be read`);
}
