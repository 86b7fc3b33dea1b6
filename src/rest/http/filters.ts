import { badRequest } from "./http-error.ts";

/** Filters of a list: name to the values asked for, never empty. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/**
 * Reads `filters` of the query: `{"label":{"k=v":true}}`, or the old `{"label":["k=v"]}`.
 * 400 for other JSON, and for a name that is not in `accepted`.
 */
export function parseFilters(query: URLSearchParams, accepted: readonly string[]): Filters {
  const text = query.get("filters");
  const filters = new Map<string, string[]>();
  if (text === null || text.trim() === "") return filters;
  for (const [name, values] of Object.entries(parseObject(text))) {
    if (!accepted.includes(name))
      throw badRequest(`invalid filter '${name}': use ${known(accepted)}`);
    const list = filterValues(text, values);
    if (list.length > 0) filters.set(name, list);
  }
  return filters;
}

// Those with "_" are clients' secrets among themselves.
function known(accepted: readonly string[]): string {
  return accepted.filter((name) => !name.startsWith("_")).join(", ") || "none";
}

/** The values of one filter; [] when it is not used. */
export function filterList(filters: Filters, name: string): string[] {
  return [...(filters.get(name) ?? [])];
}

/** A filter with a yes or no; undefined when it is not used. 400 for other values. */
export function filterFlag(filters: Filters, name: string): boolean | undefined {
  const values = filters.get(name);
  if (values === undefined) return undefined;
  const [first] = values;
  if (values.length === 1 && (first === "true" || first === "1")) return true;
  if (values.length === 1 && (first === "false" || first === "0")) return false;
  throw badRequest(`invalid filter '${name}=[${values.join(" ")}]': use true or false`);
}

/** Whether labels hold each of "key" or "key=value" ("key!=value" is its opposite). */
export function matchesLabels(
  labels: Readonly<Record<string, string>>,
  wanted: readonly string[],
): boolean {
  return wanted.every((want) => {
    const at = want.indexOf("=");
    if (at < 0) return Object.hasOwn(labels, want);
    return want[at - 1] === "!"
      ? labels[want.slice(0, at - 1)] !== want.slice(at + 1)
      : labels[want.slice(0, at)] === want.slice(at + 1);
  });
}

/** Whether the labels are as `label` and `label!` of a prune ask: each of the first, none of the second. */
export function labelsAllow(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  return (
    matchesLabels(labels, filterList(filters, "label")) &&
    !filterList(filters, "label!").some((unwanted) => matchesLabels(labels, [unwanted]))
  );
}

/** Whether a name matches a filter's regular expression; what is none is looked for as it stands. */
export function matchesPattern(name: string, pattern: string): boolean {
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return name.includes(pattern);
  }
}

function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(text);
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw invalid(text);
  return value;
}

function filterValues(text: string, values: unknown): string[] {
  if (Array.isArray(values)) {
    return values.map((value) => {
      if (typeof value !== "string") throw invalid(text);
      return value;
    });
  }
  if (typeof values !== "object" || values === null) throw invalid(text);
  return Object.entries(values).flatMap(([value, wanted]) => (wanted === true ? [value] : []));
}

function invalid(text: string): Error {
  return badRequest(`invalid filter: ${text} is not a JSON object of lists`);
}
