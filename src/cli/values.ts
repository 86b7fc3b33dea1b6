import { ClusterError } from "../base/errors.ts";

// Values of flags, as docker's CLI reads them. Each error names the flag and the way out.

const durationUnits: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** "1h30m", "500ms", "0" in nanoseconds. */
export function parseDuration(flag: string, text: string): number {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== text) {
    throw invalid(flag, text, "a duration such as 10s or 1m30s");
  }
  return parts.reduce(
    (sum, [, value, unit]) => sum + Math.round(Number(value) * (durationUnits[unit ?? ""] ?? 0)),
    0,
  );
}

/** "512m", "1.5g", "1024" in bytes. */
export function parseBytes(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text);
  if (match === null) throw invalid(flag, text, "a size such as 256m or 1g");
  const power = ["", "k", "m", "g", "t"].indexOf((match[2] ?? "").toLowerCase());
  return Math.round(Number(match[1]) * 1024 ** power);
}

/** "0.5" processors in billionths. */
export function parseCpus(flag: string, text: string): number {
  if (!/^\d*\.?\d+$/.test(text)) throw invalid(flag, text, "a number of processors such as 0.5");
  return Math.round(Number(text) * 1e9);
}

/** A whole number from 0 on. */
export function parseCount(flag: string, text: string): number {
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw invalid(flag, text, "a whole number from 0 on");
  }
  return Number(text);
}

/** A number from 0 to 1. */
export function parseRatio(flag: string, text: string): number {
  const value = Number(text);
  if (text === "" || !(value >= 0 && value <= 1)) throw invalid(flag, text, "a number from 0 to 1");
  return value;
}

/** What docker takes for a switch: true, false, and Go's other words for them. */
export function parseSwitch(flag: string, text: string): boolean {
  if (/^(true|t|1)$/i.test(text)) return true;
  if (/^(false|f|0)$/i.test(text)) return false;
  throw invalid(flag, text, "true or false");
}

export function parseChoice<T extends string>(
  flag: string,
  text: string,
  choices: readonly T[],
): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw invalid(flag, text, `one of ${choices.join(", ")}`);
  return found;
}

/** "key=value" texts as an object; a key alone has the value "". */
export function parseLabels(flag: string, texts: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const [key, value] = splitPair(text);
    if (key === "") throw invalid(flag, text, "key=value");
    labels[key] = value;
  }
  return labels;
}

/** "a=b=c" -> ["a", "b=c"] */
export function splitPair(text: string): [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** "type=volume,source=a,readonly" as keys and values; a key alone has the value "true". Blanks and case of keys do not matter. */
export function parseEntries(text: string): (readonly [key: string, value: string])[] {
  return text.split(",").map((part) => {
    const [key, value] = splitPair(part);
    return [key.trim().toLowerCase(), part.includes("=") ? value : "true"] as const;
  });
}

export function invalid(flag: string, text: string, wanted: string): ClusterError {
  return new ClusterError(
    "INVALID_ARGUMENT",
    `invalid argument "${text}" for ${flag}: it must be ${wanted}`,
  );
}
