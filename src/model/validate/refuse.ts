import { ClusterError } from "../../base/errors.ts";
import type { Duration } from "../../gen/skep/Duration.ts";
import { durationMs } from "../time.ts";

/** INVALID_ARGUMENT naming the field and the way out. */
export function invalid(field: string, remedy: string, cause?: unknown): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `${field}: ${remedy}`, { cause });
}

/** UNIMPLEMENTED naming the field and the way out. */
export function unimplemented(field: string, remedy: string): ClusterError {
  return new ClusterError("UNIMPLEMENTED", `${field}: ${remedy}`);
}

/** An integer between `min` and `max`, which a double holds exactly. */
export function checkInteger(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw invalid(field, `${value} is not a whole number from ${min} to ${max}`);
  }
}

/** A duration of 0 or more; an absent one is its default. */
export function checkDuration(field: string, duration: Duration | null): void {
  if (!(durationMs(duration, 0) >= 0)) throw invalid(field, "a duration cannot be negative");
}

/** The first value that stands twice in the list. */
export function firstDuplicate(values: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) return value;
    seen.add(value);
  }
  return undefined;
}
