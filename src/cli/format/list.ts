import { ClusterError } from "../../base/errors.ts";
import { Template } from "../../base/template/template.ts";
import { formatTable } from "./table.ts";

/** Title of a column, and the name its values have in `--format`; a hidden one is shown only by `--format`. */
export type Column =
  | readonly [title: string, field: string]
  | readonly [title: string, field: string, hidden: "hidden"];

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
  const source = aligned ? format.slice("table ".length) : format;
  if (!source.includes("{{")) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `invalid argument "${format}" for --format: it must be ${formatHelp}`,
    );
  }
  const template = formatTemplate(source);
  const lines = objects.map((object) => template.render(object));
  if (!aligned) return lines.join("\n");
  const titles = objectOf(
    columns,
    columns.map(([title]) => title),
  );
  return formatTable(
    titlesBy(source, titles).split("\t"),
    lines.map((line) => line.split("\t")),
  );
}

/** INVALID_ARGUMENT for a `--format` that is wrong whatever there is to list. */
export function checkFormat(format = "table"): void {
  if (format !== "table" && format !== "json") formatList([], [], format);
}

/** The template of `--format`, in which `\t` and `\n` may stand for themselves. INVALID_ARGUMENT. */
export function formatTemplate(source: string, missing: "error" | "no value" = "error"): Template {
  try {
    return new Template(source.replaceAll("\\t", "\t").replaceAll("\\n", "\n"), { missing });
  } catch (error) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `invalid argument "${source}" for --format: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
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
  return new Template(source.replaceAll("\\t", "\t").replaceAll("\\n", "\n"), {
    functions: { ...functions, printf: last, join: same, pad: same },
  }).render(titles);
}

function plainTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const shown = columns.flatMap((column, at) => (column[2] === "hidden" ? [] : [at]));
  return formatTable(
    shown.map((at) => columns[at]?.[0] ?? ""),
    rows.map((row) => shown.map((at) => row[at] ?? "")),
  );
}

function objectOf(columns: readonly Column[], row: readonly string[]): Record<string, string> {
  return Object.fromEntries(columns.map(([, field], at) => [field, row[at] ?? ""]));
}
