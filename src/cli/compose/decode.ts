import { errorMessage } from "../../base/errors.ts";
import { parseDuration } from "../values.ts";
import type { Problems } from "./problems.ts";
import { kindName, type ScalarTree, type Tree } from "./tree.ts";
import { formatDuration } from "./units.ts";
import { shellWords } from "./words.ts";

/** Reads a value of the kind it is for; tells what is wrong, naming `at` ("services.web.image"), and is undefined then. */
export type Decode<T> = (tree: Tree, at: string, problems: Problems) => T | undefined;

/** What a decoder makes. */
export type Decoded<D> = D extends Decode<infer T> ? T : never;

type Fields = Readonly<Record<string, Decode<unknown>>>;

/** Each field of a record may be missing. */
export type RecordOf<F extends Fields> = { -readonly [K in keyof F]?: Decoded<F[K]> };

/** A string. Numbers and booleans are refused, since YAML may have changed them (1.10 is 1.1). */
export const text: Decode<string> = (tree, at, problems) => {
  if (tree.kind === "scalar" && typeof tree.value === "string") return tree.value;
  const hint = tree.kind === "scalar" ? `; write "${tree.text}" in quotes` : "";
  return wrong(tree, at, `a string${hint}`, problems);
};

/** A string that names something. */
export const word: Decode<string> = (tree, at, problems) => {
  const value = text(tree, at, problems);
  return value === "" ? wrong(tree, at, "a string that is not empty", problems) : value;
};

/** A string or number, as a string. */
export const textOrNumber: Decode<string> = (tree, at, problems) => {
  if (tree.kind === "scalar" && tree.value !== null && typeof tree.value !== "boolean") {
    return tree.text;
  }
  return wrong(tree, at, "a string or number", problems);
};

/** A value of an environment, label or option: a scalar as it is written. */
export const anyText: Decode<string> = (tree, at, problems) =>
  tree.kind === "scalar" ? tree.text : wrong(tree, at, "a string, number or boolean", problems);

/** true or false; variables make strings of them. */
export const flag: Decode<boolean> = (tree, at, problems) => {
  if (tree.kind === "scalar") {
    if (typeof tree.value === "boolean") return tree.value;
    if (/^(true|yes|on|1|y)$/i.test(tree.text)) return true;
    if (/^(false|no|off|0|n)$/i.test(tree.text)) return false;
  }
  return wrong(tree, at, "true or false", problems);
};

/** A whole number, also as a string (variables make strings). */
export function integer(min = 0, max = Number.MAX_SAFE_INTEGER): Decode<number> {
  return (tree, at, problems) => {
    const value = numberOf(tree);
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const upTo = max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`;
    return wrong(tree, at, `a whole number from ${min}${upTo}`, problems);
  };
}

/** A number from 0 to 1. */
export const ratio: Decode<number> = (tree, at, problems) => {
  const value = numberOf(tree);
  return value >= 0 && value <= 1 ? value : wrong(tree, at, "a number from 0 to 1", problems);
};

/** Permission bits: octal when written with a leading zero, as YAML 1.1 reads it. */
export const fileMode: Decode<number> = (tree, at, problems) => {
  const octal = tree.kind === "scalar" ? /^0o?([0-7]+)$/.exec(tree.text)?.[1] : undefined;
  const isWrongOctal = octal === undefined && tree.kind === "scalar" && /^0\d/.test(tree.text);
  const value = octal === undefined ? numberOf(tree) : Number.parseInt(octal, 8);
  if (!isWrongOctal && Number.isInteger(value) && value >= 0 && value <= 0o7777) return value;
  return wrong(tree, at, "permission bits such as 0440", problems);
};

/** A number of processors, as a string. */
export const cpus: Decode<string> = (tree, at, problems) => {
  const value = numberOf(tree);
  if (tree.kind === "scalar" && value >= 0 && /^\d*\.?\d+$/.test(tree.text)) return tree.text;
  return wrong(tree, at, `a number of processors such as "0.5"`, problems);
};

/** A size such as 512m in bytes. */
export const bytes: Decode<number> = (tree, at, problems) => {
  const given = tree.kind === "scalar" && typeof tree.value !== "boolean" ? tree.text : "";
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(given);
  if (match === null) return wrong(tree, at, "a size such as 512m or 1g", problems);
  const power = ["", "k", "m", "g", "t", "p"].indexOf((match[2] ?? "").toLowerCase());
  return Math.floor(Number(match[1]) * 1024 ** power);
};

/** A time such as 1m30s, as Go prints it. */
export const duration: Decode<string> = (tree, at, problems) => {
  if (tree.kind === "scalar" && typeof tree.value !== "boolean" && tree.value !== null) {
    try {
      return formatDuration(parseDuration(at, tree.text));
    } catch (error) {
      if (!(error instanceof Error)) throw new Error(errorMessage(error));
    }
  }
  return wrong(tree, at, "a duration such as 10s or 1m30s", problems);
};

/** A command: a list of words, or a text that is split as a shell would. */
export const command: Decode<string[]> = (tree, at, problems) => {
  if (tree.kind === "list") return list(textOrNumber)(tree, at, problems);
  if (tree.kind !== "scalar" || typeof tree.value !== "string") {
    return wrong(tree, at, "a string or a list of strings", problems);
  }
  return shellWords(tree.value) ?? wrong(tree, at, "a command whose quotes are closed", problems);
};

/** One of some words. */
export function choice<const T extends string>(...words: readonly T[]): Decode<T> {
  return (tree, at, problems) => {
    const found = words.find((each) => tree.kind === "scalar" && each === tree.text);
    return found ?? wrong(tree, at, `one of ${words.join(", ")}`, problems);
  };
}

export function list<T>(item: Decode<T>): Decode<T[]> {
  return (tree, at, problems) => {
    if (tree.kind !== "list") return wrong(tree, at, "a list", problems);
    return tree.items.flatMap((each, index) => {
      const value = item(each, `${at}[${index}]`, problems);
      return value === undefined ? [] : [value];
    });
  };
}

/** A map of any keys; keys without a value have `whenNull`. */
export function mapOf<T, N = never>(item: Decode<T>, whenNull?: N): Decode<Record<string, T | N>> {
  return (tree, at, problems) => {
    if (tree.kind !== "map") return wrong(tree, at, "a map", problems);
    // Keys are people's words: "__proto__" too must become a plain one.
    const values: [string, T | N][] = [];
    for (const [key, entry] of tree.entries) {
      const nothing = entry.value.kind === "scalar" && entry.value.value === null;
      const value =
        nothing && whenNull !== undefined ? whenNull : item(entry.value, `${at}.${key}`, problems);
      if (value !== undefined) values.push([key, value]);
    }
    return Object.fromEntries(values);
  };
}

/** A map of known keys. `x-…` and keys without a value are passed over; `ignored` ones are warned of, with what to do instead. */
export function record<F extends Fields>(
  fields: F,
  ignored: Readonly<Record<string, string>> = {},
  refused: Readonly<Record<string, string>> = {},
): Decode<RecordOf<F>> {
  const known = [...Object.keys(fields), ...Object.keys(ignored)];
  return (tree, at, problems) => {
    if (tree.kind !== "map") return wrong(tree, at, "a map", problems);
    const values: Record<string, unknown> = {};
    for (const [key, { keyPlace, value }] of tree.entries) {
      const decode = Object.hasOwn(fields, key) ? fields[key] : undefined;
      const path = at === "" ? key : `${at}.${key}`;
      if (decode === undefined) {
        if (key.startsWith("x-")) continue;
        if (Object.hasOwn(ignored, key)) {
          problems.warn(keyPlace, `${path} is ignored${because(ignored[key])}`);
        } else if (Object.hasOwn(refused, key)) {
          problems.error(keyPlace, `${path} is not supported${because(refused[key])}`);
        } else problems.error(keyPlace, unknownKey(key, at, known));
        continue;
      }
      if (value.kind === "scalar" && value.value === null) continue;
      const decoded = decode(value, path, problems);
      if (decoded !== undefined) values[key] = decoded;
    }
    return values as RecordOf<F>;
  };
}

function because(text: string | undefined): string {
  return text === undefined || text === "" ? "" : `: ${text}`;
}

function unknownKey(key: string, at: string, known: readonly string[]): string {
  const near = known.find((each) => distance(each, key) <= (key.length > 4 ? 2 : 1));
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return `${at === "" ? "the file" : at} has no key ${key}${hint}`;
}

// How many letters must be changed, added or taken out (Levenshtein).
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function numberOf(tree: Tree): number {
  if (tree.kind !== "scalar" || tree.text.trim() === "") return Number.NaN;
  return typeof tree.value === "boolean" ? Number.NaN : Number(tree.text);
}

function wrong(tree: Tree, at: string, wanted: string, problems: Problems): undefined {
  problems.error(tree.place, `${at} must be ${wanted}, not ${shown(tree)}`);
  return undefined;
}

function shown(tree: Tree): string {
  if (tree.kind !== "scalar") return `a ${kindName(tree)}`;
  const { value, text: source }: ScalarTree = tree;
  if (value === null) return "empty";
  return typeof value === "string" ? JSON.stringify(source) : source;
}
