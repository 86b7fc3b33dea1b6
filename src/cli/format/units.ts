import { elapsedInWords } from "../../base/elapsed.ts";

/** "3 minutes ago" for a time in milliseconds, as docker says it. */
export function formatAge(ms: number): string {
  return `${elapsedInWords(ms)} ago`;
}

/** 1_500_000 -> "1.5MB", in powers of 1000 with three figures. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1000, ["B", "kB", "MB", "GB", "TB"], 3);
}

/** 1_572_864 -> "1.5MiB", in powers of 1024 with four figures, as docker says sizes of memory. */
export function formatMemory(bytes: number): string {
  return scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB"], 4);
}

function scaled(bytes: number, step: number, units: readonly string[], figures: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= step && unit < units.length - 1) {
    value /= step;
    unit += 1;
  }
  return `${Number(value.toPrecision(figures))}${units[unit]}`;
}

/** "2026-11-21T08:00:00.123456789Z" in milliseconds; 0 for none. */
export function parseTime(text: string | undefined): number {
  return text === undefined || text.startsWith("0001-") ? 0 : Date.parse(text);
}

/** The first 12 characters of an id, without a digest's algorithm. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}
