import { type Filters, filterList } from "./filters.ts";
import { badRequest } from "./http-error.ts";

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/**
 * The moment that a prune's filter `until` names: things made later stay. A duration ("24h", "1h30m") counts back from
 * `nowMs`; else a date, or seconds since 1970. Infinity when it is not used; 400 for anything else.
 */
export function untilFilterMs(filters: Filters, nowMs: number): number {
  const values = filterList(filters, "until");
  const [text] = values;
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (values.length > 1) throw badRequest("more than one until filter specified");
  if (/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) return nowMs - durationMs(text);
  const ms = /^\d{1,12}(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(ms)) throw badRequest(`failed to parse value as time or duration: "${text}"`);
  return ms;
}

function durationMs(text: string): number {
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g);
  return [...parts].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ""] ?? 0),
    0,
  );
}
