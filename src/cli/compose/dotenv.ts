import { SubstitutionError, substitute, type Variables } from "./substitute.ts";

/** A line of an env file; a name alone has no value of its own. */
export interface Assignment {
  readonly name: string;
  readonly value: string | undefined;
  readonly line: number;
}

/** A line that says nothing an env file can say. */
export interface DotenvProblem {
  readonly line: number;
  readonly message: string;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/**
 * Pure: `NAME=value` lines of an env file (Compose specification, "env_file"): `export` is skipped, `#` after a blank begins a comment,
 * 'single quotes' keep all as it is, "double quotes" know \n and variables; quoted values may span lines.
 */
export function parseDotenv(
  text: string,
  variables: Variables,
): { readonly assignments: readonly Assignment[]; readonly problems: readonly DotenvProblem[] } {
  const assignments: Assignment[] = [];
  const problems: DotenvProblem[] = [];
  const own = new Map<string, string>();
  const lookUp: Variables = (name) => own.get(name) ?? variables(name);
  const pattern =
    /[^\S\n]*(?:export[^\S\n]+)?(?:([A-Za-z_][\w.-]*)[^\S\n]*(?:=[^\S\n]*(?:'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|([^\n]*)))?)?([^\n]*)(?:\n|$)/y;
  const source = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  while (pattern.lastIndex < source.length) {
    const start = pattern.lastIndex;
    const line = source.slice(0, start).split("\n").length;
    const match = pattern.exec(source);
    if (match === null) break;
    const [whole, name, single, double, bare, rest = ""] = match;
    const comment = rest.trim() === "" || rest.trimStart().startsWith("#");
    if (name === undefined || !comment) {
      if (!comment) problems.push({ line, message: `"${whole.trim()}" is not NAME=value` });
      continue;
    }
    try {
      const value = valueText(single, double, bare, lookUp);
      if (value !== undefined) own.set(name, value);
      assignments.push({ name, value, line });
    } catch (error) {
      if (!(error instanceof SubstitutionError)) throw error;
      problems.push({ line, message: error.message });
    }
  }
  return { assignments, problems };
}

function valueText(
  single: string | undefined,
  double: string | undefined,
  bare: string | undefined,
  variables: Variables,
): string | undefined {
  if (single !== undefined) return single;
  if (double !== undefined) {
    const plain = double.replaceAll(/\\([^$])/g, (_, char: string) => escapes[char] ?? char);
    return substitute(plain.replaceAll("\\$", "$$$$"), variables);
  }
  if (bare === undefined) return undefined;
  return substitute(bare.replace(/(^|\s)#.*$/, "").trim(), variables);
}
