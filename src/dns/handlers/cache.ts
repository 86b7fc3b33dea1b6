import type { Clock } from "../../base/clock.ts";
import { responseCodeOf, responseCodes } from "../wire.ts";

const entriesMax = 1_000;
// Answers are given on as they came, so their times to live may be this much too long.
const keepMsMax = 5_000;

/** Answers of outside servers, kept for up to 5 s. At 1,000 entries the oldest goes. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly packet: Buffer; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A kept answer to the question, with any id. */
  get(question: string): Buffer | undefined {
    const entry = this.#entries.get(question);
    if (entry === undefined) return undefined;
    if (entry.untilMs > this.#clock.monotonic()) return entry.packet;
    this.#entries.delete(question);
    return undefined;
  }

  /** Keeps good answers and "no such name"; failures are asked anew. */
  put(question: string, packet: Buffer): void {
    const code = responseCodeOf(packet);
    if (code !== responseCodes.noError && code !== responseCodes.nameError) return;
    const ttlSeconds = shortestTtlSeconds(packet);
    const keepMs = Math.min(keepMsMax, ttlSeconds * 1000);
    if (keepMs <= 0) return;
    if (this.#entries.size >= entriesMax) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(question, { packet, untilMs: this.#clock.monotonic() + keepMs });
  }
}

/** Pure: the shortest time to live in a response with one question; 0 when it has no records or cannot be read. */
export function shortestTtlSeconds(packet: Buffer): number {
  let at = skipName(packet, 12);
  if (at === undefined) return 0;
  at += 4;
  const records = packet.readUInt16BE(6) + packet.readUInt16BE(8);
  let shortest = Number.POSITIVE_INFINITY;
  for (let index = 0; index < records; index += 1) {
    const end: number | undefined = skipName(packet, at);
    if (end === undefined || end + 10 > packet.length) return 0;
    shortest = Math.min(shortest, packet.readUInt32BE(end + 4));
    at = end + 10 + packet.readUInt16BE(end + 8);
    if (at > packet.length) return 0;
  }
  return Number.isFinite(shortest) ? shortest : 0;
}

// The end of a name, which may close with a pointer; pointers are not followed.
function skipName(packet: Buffer, start: number): number | undefined {
  let at = start;
  for (;;) {
    const length = packet[at];
    if (length === undefined) return undefined;
    if (length >= 0xc0) return at + 2 <= packet.length ? at + 2 : undefined;
    if (length > 63) return undefined;
    at += 1 + length;
    if (length === 0) return at;
  }
}
