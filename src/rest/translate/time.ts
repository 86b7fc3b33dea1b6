import type { Duration } from "../../gen/skep/Duration.ts";
import type { Timestamp } from "../../gen/skep/Timestamp.ts";
import { toTimestamp } from "../../model/time.ts";
import type { JsonObject } from "./json-object.ts";

/** Go's zero time, which Docker sends for "never". */
export const zeroTime = "0001-01-01T00:00:00Z";

/** RFC 3339 in UTC with as many digits as needed; `zeroTime` for null. */
export function timestampJson(timestamp: Timestamp | null): string {
  if (timestamp === null) return zeroTime;
  const whole = new Date(timestamp.seconds * 1000).toISOString().slice(0, 19);
  const digits = String(timestamp.nanos).padStart(9, "0").replace(/0+$/, "");
  return digits === "" ? `${whole}Z` : `${whole}.${digits}Z`;
}

/** RFC 3339 for milliseconds since 1970; `zeroTime` for 0. */
export function millisJson(atMs: number): string {
  return timestampJson(atMs === 0 ? null : toTimestamp(atMs));
}

/** Nanoseconds; undefined for null. Above 2^53 the last digits are rounded. */
export function durationJson(duration: Duration | null): number | undefined {
  if (duration === null) return undefined;
  return Number(BigInt(duration.seconds) * 1_000_000_000n + BigInt(duration.nanos));
}

/** A field of nanoseconds; null when absent. 400 for a negative or fractional one. */
export function readDuration(object: JsonObject, name: string): Duration | null {
  const nanos = readNanos(object, name);
  return nanos === undefined ? null : durationOf(nanos);
}

/** As `readDuration`; 0 also means "not set". */
export function readDurationOrUnset(object: JsonObject, name: string): Duration | null {
  return readNanos(object, name) === 0 ? null : readDuration(object, name);
}

/** As `readDuration`, in milliseconds; 0 when absent. */
export function readDurationMs(object: JsonObject, name: string): number {
  return (readNanos(object, name) ?? 0) / 1e6;
}

// int64 in Docker; what is lost above 2^53 is less than a microsecond.
function readNanos(object: JsonObject, name: string): number | undefined {
  const nanos = object.optionalInteger(name, { min: -(2 ** 63), max: 2 ** 63 });
  if (nanos !== undefined && nanos < 0) {
    throw object.refusal(name, `${nanos / 1e9}s is negative: give 0 or more`);
  }
  return nanos;
}

function durationOf(nanos: number): Duration {
  const exact = BigInt(nanos);
  return { seconds: Number(exact / 1_000_000_000n), nanos: Number(exact % 1_000_000_000n) };
}
