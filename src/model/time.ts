import type { Duration } from "../gen/skep/Duration.ts";
import type { Timestamp } from "../gen/skep/Timestamp.ts";

/** Milliseconds since 1970 as a Timestamp. */
export function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}

/** Milliseconds since 1970; 0 for a time that is not set. */
export function timestampMs(timestamp: Timestamp | null | undefined): number {
  return timestamp ? timestamp.seconds * 1000 + timestamp.nanos / 1_000_000 : 0;
}

/** The duration in milliseconds, or `defaultMs` when it is not set. */
export function durationMs(duration: Duration | null | undefined, defaultMs: number): number {
  return duration ? duration.seconds * 1000 + duration.nanos / 1_000_000 : defaultMs;
}

/** Milliseconds as a Duration; seconds and nanos carry the same sign. */
export function toDuration(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  return withoutMinusZero(seconds, Math.round((ms - seconds * 1000) * 1_000_000));
}

/** Nanoseconds (Docker's unit for durations) as a Duration. */
export function durationFromNanos(nanoseconds: number): Duration {
  return withoutMinusZero(Math.trunc(nanoseconds / 1e9), Math.trunc(nanoseconds % 1e9));
}

/** The duration in nanoseconds; 0 when it is not set. Exact up to 104 days. */
export function durationNanos(duration: Duration | null | undefined): number {
  return duration ? duration.seconds * 1e9 + duration.nanos : 0;
}

function withoutMinusZero(seconds: number, nanos: number): Duration {
  return { seconds: seconds === 0 ? 0 : seconds, nanos: nanos === 0 ? 0 : nanos };
}
