import { errorMessage } from "../base/errors.ts";
import { type ApiClient, ApiError } from "./client.ts";
import { type Column, formatList } from "./format/list.ts";
import { invalid } from "./values.ts";

/** What a command has to work with. */
export interface Session {
  readonly client: ApiClient;
  /** Writes a line to standard output. */
  print(text: string): void;
  /** Writes a line to standard error. */
  warn(text: string): void;
  /** Whether standard output is a terminal: progress is drawn only there. */
  readonly terminal: boolean;
  /** Width of the terminal: longer lines would wrap, and could not be drawn over. */
  readonly columns: number;
  /** Aborted by Ctrl-C while a command waits. */
  readonly interrupted: AbortSignal;
  now(): number;
}

/** Made late, so that `--help` needs no daemon and no host. */
export type OpenSession = () => Session;

/** `--filter key=value` texts as the API's JSON. Undefined when there are none. INVALID_ARGUMENT. */
export function filterQuery(
  texts: readonly string[] = [],
  more: Readonly<Record<string, readonly string[]>> = {},
): string | undefined {
  const filters: Record<string, string[]> = {};
  for (const [key, values] of Object.entries(more)) filters[key] = [...values];
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at <= 0) throw invalid("--filter", text, "key=value such as name=web");
    const [key, value] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
    filters[key] = [...(filters[key] ?? []), value];
  }
  if (Object.keys(filters).length === 0) return undefined;
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(filters).map(([key, values]) => [
        key,
        Object.fromEntries(values.map((value) => [value, true])),
      ]),
    ),
  );
}

/** Prints rows as `--format` says, or only their ids with `--quiet`. */
export function printList(
  session: Session,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { readonly quiet?: boolean; readonly format?: string },
): void {
  const text =
    options.quiet === true
      ? rows.map(([id = ""]) => id).join("\n")
      : formatList(columns, rows, options.format);
  if (text !== "") session.print(text);
}

/** For options that may be given several times. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** Runs `remove` for each name, prints what worked, and fails in the end when one did not. */
export async function removeEach(
  session: Session,
  names: readonly string[],
  remove: (name: string) => Promise<string>,
): Promise<void> {
  const problems: string[] = [];
  for (const name of names) {
    try {
      session.print(await remove(name));
    } catch (error) {
      problems.push(problemText(error));
    }
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

/** "a=b,c=d", as lists show labels. */
export function labelsText(labels: Readonly<Record<string, string>> = {}): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/** What a person is told of an error: whether the daemon said it, and what. */
export function problemText(error: unknown): string {
  return `${error instanceof ApiError ? "Error response from daemon: " : ""}${errorMessage(error)}`;
}
