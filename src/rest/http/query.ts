import { badRequest } from "./http-error.ts";

/** Whether a query value means true. As in Docker: everything but "", 0, no, false, none. */
export function queryFlag(query: URLSearchParams, name: string, absent = false): boolean {
  const value = query.get(name);
  if (value === null) return absent;
  return !["", "0", "no", "false", "none"].includes(value.trim().toLowerCase());
}

/** A whole number from the query; `absent` when missing or empty. 400 for anything else. */
export function queryInteger(query: URLSearchParams, name: string, absent: number): number {
  const value = query.get(name);
  if (value === null || value === "") return absent;
  if (!/^-?\d{1,15}$/.test(value))
    throw badRequest(`invalid ${name}: "${value}" is not an integer`);
  return Number(value);
}

/** `tail` of logs: "all" or absent is -1. 400 for anything but a whole number. */
export function queryTail(query: URLSearchParams): number {
  const value = query.get("tail");
  if (value === null || value === "" || value === "all") return -1;
  // Docker takes what it cannot read as "all".
  return /^\d{1,9}$/.test(value) ? Number(value) : -1;
}

/**
 * A moment in the query as milliseconds: Unix seconds with a fraction ("1700000000.5") or RFC 3339.
 * undefined when missing, empty or 0. 400 for anything else.
 */
export function queryTimeMs(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === "" || value === "0") return undefined;
  const match = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(value);
  if (match !== null) {
    const nanos = Number((match[2] ?? "").padEnd(9, "0"));
    return Number(match[1]) * 1000 + nanos / 1e6;
  }
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) throw badRequest(`invalid ${name}: "${value}" is not a time`);
  return ms;
}

/** The required `version` of an update. 400 when missing or not a whole number. */
export function queryVersion(query: URLSearchParams): number {
  const value = query.get("version") ?? "";
  if (!/^\d{1,16}$/.test(value)) throw badRequest(`invalid version '${value}': a number is needed`);
  return Number(value);
}
