import { problem } from "./lex.ts";
import { goText, isTrue } from "./values.ts";

/** What a template may call. A wrong argument throws INVALID_ARGUMENT. */
export type TemplateFunction = (...args: readonly unknown[]) => unknown;

/** Go's built-in functions and the ones docker adds for `--format`. */
export const commonFunctions: Readonly<Record<string, TemplateFunction>> = {
  and: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1),
  or: (...args) => args.find((arg) => isTrue(arg)) ?? args.at(-1),
  not: (value) => !isTrue(value),
  eq: (first, ...others) => others.some((other) => other === first),
  ne: (a, b) => a !== b,
  lt: (a, b) => order("lt", a, b) < 0,
  le: (a, b) => order("le", a, b) <= 0,
  gt: (a, b) => order("gt", a, b) > 0,
  ge: (a, b) => order("ge", a, b) >= 0,
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce<unknown>((found, key) => itemOf(found, key), value),
  slice: (value, from = 0, to = undefined) => sliceOf(value, from, to),
  print: (...args) => args.map(goText).join(" "),
  println: (...args) => `${args.map(goText).join(" ")}\n`,
  printf: (format, ...args) => printf(text("printf", format), args),
  json: (value) => JSON.stringify(value ?? null),
  split: (value, separator) => text("split", value).split(text("split", separator)),
  join: (list, separator) => items("join", list).map(goText).join(text("join", separator)),
  upper: (value) => text("upper", value).toUpperCase(),
  lower: (value) => text("lower", value).toLowerCase(),
  title: (value) => text("title", value).replace(/(^|\s)\S/g, (first) => first.toUpperCase()),
  pad: (value, before, after) => {
    const [left, right] = [count("pad", before), count("pad", after)];
    return goText(value) === "" ? "" : " ".repeat(left) + goText(value) + " ".repeat(right);
  },
  truncate: (value, length) =>
    [...text("truncate", value)].slice(0, count("truncate", length)).join(""),
};

function order(name: string, a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a === b ? 0 : 1;
  throw problem(`${name} compares two numbers or two strings`);
}

function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  if (value === undefined || value === null) return 0;
  throw problem(`len of ${goText(value)}: it has no length`);
}

function itemOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const item: unknown = typeof key === "number" ? value[key] : undefined;
    if (item === undefined) {
      throw problem(`index ${goText(key)} is out of range: the list has ${value.length} items`);
    }
    return item;
  }
  if (typeof value === "object" && value !== null) {
    const name = goText(key);
    return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : "";
  }
  if (value === undefined || value === null) return "";
  throw problem(`index of ${goText(value)}: it is neither a list nor a map`);
}

function sliceOf(value: unknown, from: unknown, to: unknown): unknown {
  const start = count("slice", from);
  const end = to === undefined ? undefined : count("slice", to);
  if (typeof value === "string" || Array.isArray(value)) return value.slice(start, end);
  throw problem("slice takes a string or a list");
}

function text(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw problem(`${name} takes a string, not ${goText(value)}`);
}

function count(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 1_000_000) {
    return value;
  }
  throw problem(`${name} takes a whole number from 0, not ${goText(value)}`);
}

function items(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === undefined || value === null) return [];
  throw problem(`${name} takes a list, not ${goText(value)}`);
}

const widthMax = 1_000;

// %s %v %d %q %t %x %f with flags - and 0, width and precision; %% for itself.
function printf(format: string, args: readonly unknown[]): string {
  let at = 0;
  const filled = format.replace(
    /%(-?)(0?)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (
      _whole,
      left: string,
      zero: string,
      width: string,
      precision: string | undefined,
      verb: string,
    ) => {
      if (verb === "%") return "%";
      if (at >= args.length) return `%!${verb}(MISSING)`;
      const plain = formatOne(
        verb,
        args[at],
        precision === undefined ? undefined : Number(precision),
      );
      at += 1;
      const size = Math.min(Number(width), widthMax);
      if (left !== "") return plain.padEnd(size);
      return plain.padStart(size, zero !== "" && typeof args[at - 1] === "number" ? "0" : " ");
    },
  );
  const extra = args.slice(at).map(goText);
  return extra.length === 0 ? filled : `${filled}%!(EXTRA ${extra.join(", ")})`;
}

function formatOne(verb: string, value: unknown, precision: number | undefined): string {
  switch (verb) {
    case "s":
    case "v":
      return precision === undefined ? goText(value) : goText(value).slice(0, precision);
    case "q":
      return JSON.stringify(goText(value));
    case "d":
      return typeof value === "number" ? String(Math.trunc(value)) : `%!d(${goText(value)})`;
    case "t":
      return typeof value === "boolean" ? String(value) : `%!t(${goText(value)})`;
    case "x":
      return typeof value === "number"
        ? value.toString(16)
        : Buffer.from(goText(value)).toString("hex");
    case "f":
      return typeof value === "number"
        ? value.toFixed(Math.min(precision ?? 6, 100))
        : `%!f(${goText(value)})`;
    default:
      return `%!${verb}(${goText(value)})`;
  }
}
