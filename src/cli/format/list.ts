import { ClusterError } from "../../base/errors.ts";
import { formatTable } from "./table.ts";

/** Title of a column, and the name its values have in `--format`. */
export type Column = readonly [title: string, field: string];

/** Help of every list's `--format`. */
export const formatHelp = "table, json, or a template such as '{{.ID}} {{.Name}}'";

/**
 * Rows as a table, as one JSON object a line, or by a template with {{.Field}}. INVALID_ARGUMENT on an unknown field or format.
 */
export function formatList(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  format = "table",
): string {
  if (format === "table") {
    return formatTable(
      columns.map(([title]) => title),
      rows,
    );
  }
  const objects = rows.map((row) =>
    Object.fromEntries(columns.map(([, field], at) => [field, row[at] ?? ""])),
  );
  if (format === "json") return objects.map((object) => JSON.stringify(object)).join("\n");
  if (!format.includes("{{")) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `invalid argument "${format}" for --format: it must be ${formatHelp}`,
    );
  }
  const template = format.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  return objects.map((object) => fillIn(template, object)).join("\n");
}

function fillIn(template: string, object: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{-?\s*(.*?)\s*-?\}\}/g, (_whole, expression: string) => {
    if (expression === "json .") return JSON.stringify(object);
    const value = object[expression.replace(/^\./, "")];
    if (!expression.startsWith(".") || value === undefined) {
      throw new ClusterError(
        "INVALID_ARGUMENT",
        `--format: "${expression}" is not known; the fields are ${Object.keys(object)
          .map((field) => `.${field}`)
          .join(" ")}`,
      );
    }
    return value;
  });
}
