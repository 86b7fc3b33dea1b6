import { constants } from "node:os";
import { ClusterError } from "../base/errors.ts";

/** The number of "SIGTERM", "term", "15" or "SIGRTMIN+3". INVALID_ARGUMENT when it is none. */
export function signalNumber(text: string): number {
  if (/^\d{1,2}$/.test(text)) {
    const value = Number(text);
    if (value >= 1 && value <= 64) return value;
  }
  const upper = text.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime !== null) {
    const offset = Number(realTime[3] ?? 0) * (realTime[2] === "-" ? -1 : 1);
    const value = (realTime[1] === "MIN" ? 34 : 64) + offset;
    if (value >= 34 && value <= 64) return value;
  }
  const found = Object.entries(constants.signals).find(([known]) => known === name);
  if (found === undefined) throw new ClusterError("INVALID_ARGUMENT", `invalid signal: ${text}`);
  return found[1];
}
