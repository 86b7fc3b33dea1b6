import { ClusterError } from "../errors.ts";

/** A word of an action. `space` is whether blanks stood before it: `.A .B` is two operands, `.A.B` one. */
export type Token = { readonly space: boolean } & (
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "sign"; readonly text: "." | "|" | "(" | ")" | ":=" | "=" | "," }
);

/** Plain text, or the words between {{ and }}. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly source: string; readonly tokens: readonly Token[] };

/** Cuts a template in pieces; `{{-` and `-}}` take the blanks beside them away, comments vanish. INVALID_ARGUMENT. */
export function lex(template: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = template;
  let trimNext = false;
  for (;;) {
    const open = rest.indexOf("{{");
    const text = open < 0 ? rest : rest.slice(0, open);
    const trimEnd = open >= 0 && /^\{\{-\s/.test(rest.slice(open));
    let kept = trimNext ? text.trimStart() : text;
    if (trimEnd) kept = kept.trimEnd();
    if (kept !== "") pieces.push({ kind: "text", text: kept });
    if (open < 0) return pieces;
    const body = rest.slice(open + 2);
    const close = closeOf(body);
    if (close < 0) throw problem(`"${rest.slice(open)}" has no closing }}`);
    let source = body.slice(trimEnd ? 1 : 0, close);
    trimNext = /\s-$/.test(source);
    if (trimNext) source = source.slice(0, -1);
    rest = body.slice(close + 2);
    source = source.trim();
    if (source.startsWith("/*") && source.endsWith("*/")) continue;
    pieces.push({ kind: "action", source, tokens: tokens(source) });
  }
}

/** INVALID_ARGUMENT in the words all template errors begin with. */
export function problem(what: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `template: ${what}`);
}

// The }} that ends the action: not one within a string.
function closeOf(body: string): number {
  const parts = /"(?:[^"\\]|\\.)*"|`[^`]*`|\}\}/g;
  for (const match of body.matchAll(parts)) if (match[0] === "}}") return match.index;
  return -1;
}

const tokenForm =
  /(\s+)|("(?:[^"\\]|\\.)*")|(`[^`]*`)|(-?\d+(?:\.\d+)?)|\.([A-Za-z_]\w*)|\$(\w*)|([A-Za-z_]\w*)|(:=|[.|()=,])/y;

function tokens(source: string): Token[] {
  const found: Token[] = [];
  let space = false;
  tokenForm.lastIndex = 0;
  while (tokenForm.lastIndex < source.length) {
    const at = tokenForm.lastIndex;
    const match = tokenForm.exec(source);
    if (match === null) throw problem(`"${source.slice(at)}" in {{${source}}} cannot be read`);
    const [, blank, quoted, raw, digits, field, variable, word, sign] = match;
    if (blank !== undefined) {
      space = true;
      continue;
    }
    if (quoted !== undefined) found.push({ kind: "string", text: unquote(quoted), space });
    else if (raw !== undefined) found.push({ kind: "string", text: raw.slice(1, -1), space });
    else if (digits !== undefined) found.push({ kind: "number", value: Number(digits), space });
    else if (field !== undefined) found.push({ kind: "field", name: field, space });
    else if (variable !== undefined) found.push({ kind: "variable", name: variable, space });
    else if (word !== undefined) found.push({ kind: "word", text: word, space });
    else found.push({ kind: "sign", text: sign as "." | "|", space });
    space = false;
  }
  return found;
}

function unquote(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw problem(`the string ${quoted} cannot be read`);
  }
}
