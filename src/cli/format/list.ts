import { ClusterError, errorMessage } from "../../base/errors.ts";
import { Template } from "../../base/template/template.ts";
import { formatTable } from "./table.ts";

/**
 * Title of a column, and the name its values have in `--format`; a hidden one is shown only by `--format`, and so is a flag,
 * whose "true" and "false" are no texts there, as docker's.
 */
export type Column =
  | readonly [title: string, field: string]
  | readonly [title: string, field: string, kind: "hidden" | "flag"];

/** Help of every list's `--format`. */
export const formatHelp =
  "table, json, or a Go template: '{{.ID}} {{.Name}}', 'table {{.ID}}\\t{{.Name}}'";

/**
 * Rows as a table, as one JSON object a line, or by a template over the columns' fields; after "table " the template's
 * lines are aligned under titles (docker's formats). INVALID_ARGUMENT on an unknown field or format.
 */
export function formatList(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  format = "table",
): string {
  if (format === "table") return plainTable(columns, rows);
  const objects = rows.map((row) => objectOf(columns, row));
  if (format === "json") return objects.map((object) => JSON.stringify(object)).join("\n");
  const aligned = format.startsWith("table ");
  const source = templateOf(format);
  const template = formatTemplate(source);
  const lines = objects.map((object) => rendered(template, object, format));
  if (!aligned) return lines.join("\n");
  const titles = Object.fromEntries(columns.map(([title, field]) => [field, title]));
  return formatTable(
    titlesBy(source, titles).split("\t"),
    lines.map((line) => line.split("\t")),
  );
}

// A field that is not there shows only now.
function rendered(template: Template, object: unknown, format: string): string {
  try {
    return template.render(object);
  } catch (error) {
    throw wrongFormat(format, errorMessage(error));
  }
}

/** INVALID_ARGUMENT for a `--format` that is wrong whatever there is to list. */
export function checkFormat(format = "table"): void {
  if (format !== "table" && format !== "json") formatTemplate(templateOf(format));
}

function templateOf(format: string): string {
  const source = format.startsWith("table ") ? format.slice("table ".length) : format;
  if (source.includes("{{")) return source;
  throw wrongFormat(format, `it must be ${formatHelp}`);
}

/** The template of `--format`, in which `\t` and `\n` may stand for themselves. INVALID_ARGUMENT. */
export function formatTemplate(source: string, missing: "error" | "no value" = "error"): Template {
  try {
    return new Template(readable(source), { missing, functions: { label: labelOf } });
  } catch (error) {
    throw wrongFormat(source, errorMessage(error));
  }
}

function wrongFormat(format: string, problem: string): ClusterError {
  return new ClusterError(
    "INVALID_ARGUMENT",
    `invalid argument "${format}" for --format: ${problem}`,
  );
}

// `.Label "KEY"` is a method in docker; here it is a function of the column with all of them.
function readable(source: string): string {
  return source
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n")
    .replaceAll(/\.Label\s+("(?:[^"\\]|\\.)*")/g, "label .Labels $1");
}

function labelOf(labels: unknown, key: unknown): string {
  const start = `${String(key)}=`;
  const found = String(labels)
    .split(",")
    .find((text) => text.startsWith(start));
  return found?.slice(start.length) ?? "";
}

// The header is the template over the titles; functions that change a value leave a title as it is.
function titlesBy(source: string, titles: Readonly<Record<string, string>>): string {
  const same = (value: unknown): unknown => value;
  const last = (...args: readonly unknown[]): unknown => args.at(-1);
  const functions = {
    json: same,
    upper: same,
    lower: same,
    title: same,
    truncate: same,
    split: same,
  };
  // A label's title is the last part of its key.
  const label = (_labels: unknown, key: unknown): string =>
    String(key).replace(/^.*\./, "").replaceAll(/[-_]/g, " ");
  return new Template(readable(source), {
    functions: { ...functions, printf: last, join: same, pad: same, label },
  }).render(titles);
}

function plainTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const shown = columns.flatMap((column, at) => (column[2] === undefined ? [at] : []));
  return formatTable(
    shown.map((at) => columns[at]?.[0] ?? ""),
    rows.map((row) => shown.map((at) => row[at] ?? "")),
  );
}

function objectOf(
  columns: readonly Column[],
  row: readonly string[],
): Record<string, string | boolean> {
  return Object.fromEntries(
    columns.map(([, field, kind], at) => {
      return [field, kind === "flag" ? row[at] === "true" : (row[at] ?? "")];
    }),
  );
}
