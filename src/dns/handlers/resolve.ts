import { errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { answerFromZone, isInternalOnly, mustNotLeak } from "../records.ts";
import { type Query, responseCodes, writeAnswer, writeError } from "../wire.ts";
import type { Zone } from "../zone.ts";
import type { Forwarder } from "./forward.ts";

const internetClass = 1;
const anyClass = 255;
const queryOpcode = 0;

export interface Resolution {
  readonly packet: Buffer;
  /** Whether it stays the same as long as the zone does. */
  readonly repeatable: boolean;
}

/** What the handlers settle at once: all but what must be asked outside, which is undefined. */
export function resolveLocally(
  query: Query,
  zone: Zone,
  turn: number,
  bytesMax: number,
): Resolution | undefined {
  const error = (code: number) => ({ packet: writeError(query, code), repeatable: true });
  if (query.opcode !== queryOpcode) return error(responseCodes.notImplemented);
  if (query.class !== internetClass && query.class !== anyClass) {
    return error(responseCodes.refused);
  }
  const answer = answerFromZone(query, zone, turn);
  if (answer !== undefined) {
    const packet = writeAnswer(query, answer, bytesMax);
    return { packet, repeatable: answer.records.length <= 1 };
  }
  if (mustNotLeak(query, zone)) return error(responseCodes.nameError);
  // Internal networks have no outside: a name there could only carry data out.
  if (isInternalOnly(zone)) return error(responseCodes.nameError);
  return undefined;
}

/** The outside's answer, or SERVFAIL when there is none. */
export async function resolveOutside(
  query: Query,
  forwarder: Forwarder,
  log: Logger,
): Promise<Buffer> {
  try {
    return await forwarder.forward(query);
  } catch (error) {
    log.debug({ err: errorMessage(error) }, "cannot resolve an outside name");
    return writeError(query, responseCodes.serverFailure);
  }
}
