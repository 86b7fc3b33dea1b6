import { lex, type Piece, problem, type Token } from "./lex.ts";

/** What has a value. */
export type Operand =
  | { readonly kind: "dot" }
  | { readonly kind: "literal"; readonly value: unknown }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "call"; readonly name: string }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline }
  | { readonly kind: "field"; readonly of: Operand; readonly names: readonly string[] };

/** An operand, or a function with its arguments. */
export interface Command {
  readonly first: Operand;
  readonly args: readonly Operand[];
}

/** Commands, each given the result of the one before as its last argument. */
export interface Pipeline {
  readonly variables: readonly string[];
  /** Whether the variables are new (`:=`) or set again (`=`). */
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

/** A piece of a template. */
export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipeline: Pipeline }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipeline: Pipeline;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | { readonly kind: "break" | "continue" };

/** Reads a template in the syntax of Go's text/template, without define, block and template. INVALID_ARGUMENT. */
export function parseTemplate(template: string): readonly TemplateNode[] {
  const reader = new PieceReader(lex(template));
  const nodes = reader.nodes(undefined);
  return nodes;
}

const nestingMax = 50;

class PieceReader {
  readonly #pieces: readonly Piece[];
  #at = 0;
  #depth = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Up to the `end` or `else` of the block `inside`, or the end of the template. */
  nodes(inside: string | undefined): TemplateNode[] {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) {
        if (inside !== undefined) throw problem(`{{${inside} …}} has no {{end}}`);
        return nodes;
      }
      if (piece.kind === "text") {
        this.#at += 1;
        nodes.push(piece);
        continue;
      }
      const word = keywordOf(piece.tokens);
      if (word === "end" || word === "else") {
        if (inside === undefined) throw problem(`{{${word}}} stands outside of a block`);
        return nodes;
      }
      this.#at += 1;
      if (word === "if" || word === "with" || word === "range") {
        nodes.push(this.#block(word, piece.tokens.slice(1), piece.source));
      } else if (word === "break" || word === "continue") {
        nodes.push({ kind: word });
      } else {
        nodes.push({ kind: "print", pipeline: parsePipeline(piece.tokens, piece.source) });
      }
    }
  }

  #block(kind: "if" | "with" | "range", head: readonly Token[], source: string): TemplateNode {
    this.#depth += 1;
    if (this.#depth > nestingMax) throw problem(`more than ${nestingMax} nested blocks`);
    const pipeline = parsePipeline(head, source);
    const body = this.nodes(kind);
    let otherwise: TemplateNode[] = [];
    const closing = this.#pieces[this.#at];
    this.#at += 1;
    if (closing?.kind === "action" && keywordOf(closing.tokens) === "else") {
      const next = closing.tokens[1];
      if (next === undefined) {
        otherwise = this.nodes(kind);
        this.#at += 1;
      } else if (next.kind === "word" && next.text === kind && kind !== "range") {
        // `else if` shares the outer block's end.
        otherwise = [this.#block(kind, closing.tokens.slice(2), closing.source)];
      } else {
        throw problem(`{{${closing.source}}} is not an else of {{${kind} …}}`);
      }
    }
    this.#depth -= 1;
    return { kind, pipeline, body, otherwise };
  }
}

function keywordOf(tokens: readonly Token[]): string | undefined {
  return tokens[0]?.kind === "word" ? tokens[0].text : undefined;
}

function parsePipeline(tokens: readonly Token[], source: string): Pipeline {
  const reader = new TokenReader(tokens, source);
  const pipeline = reader.pipeline();
  reader.mustEnd();
  return pipeline;
}

class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], source: string) {
    this.#tokens = tokens;
    this.#source = source;
  }

  pipeline(): Pipeline {
    const { variables, declares } = this.#variables();
    const commands = [this.#command()];
    while (this.#takeSign("|")) commands.push(this.#command());
    return { variables, declares, commands };
  }

  mustEnd(): void {
    if (this.#at < this.#tokens.length) throw this.#bad();
  }

  #variables(): { variables: string[]; declares: boolean } {
    const start = this.#at;
    const variables: string[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token?.kind !== "variable" || token.name === "") break;
      variables.push(token.name);
      this.#at += 1;
      if (!this.#takeSign(",")) break;
    }
    for (const sign of [":=", "="] as const) {
      if (variables.length > 0 && this.#takeSign(sign)) {
        return { variables, declares: sign === ":=" };
      }
    }
    this.#at = start;
    return { variables: [], declares: false };
  }

  #command(): Command {
    const first = this.#operand();
    const args: Operand[] = [];
    while (this.#startsOperand()) args.push(this.#operand());
    if (args.length > 0 && first.kind !== "call") throw this.#bad();
    return { first, args };
  }

  #startsOperand(): boolean {
    const token = this.#tokens[this.#at];
    if (token === undefined) return false;
    return token.kind !== "sign" || token.text === "(" || token.text === ".";
  }

  #operand(): Operand {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    let operand: Operand;
    if (token?.kind === "field") {
      this.#at -= 1;
      return this.#fields({ kind: "dot" }, true);
    }
    if (token?.kind === "variable") operand = { kind: "variable", name: token.name };
    else if (token?.kind === "string") operand = { kind: "literal", value: token.text };
    else if (token?.kind === "number") operand = { kind: "literal", value: token.value };
    else if (token?.kind === "word") operand = wordOperand(token.text);
    else if (token?.kind === "sign" && token.text === ".") operand = { kind: "dot" };
    else if (token?.kind === "sign" && token.text === "(") operand = this.#bracket();
    else throw this.#bad();
    return this.#fields(operand, false);
  }

  #bracket(): Operand {
    this.#depth += 1;
    if (this.#depth > nestingMax) throw problem(`more than ${nestingMax} nested brackets`);
    const pipeline = this.pipeline();
    if (!this.#takeSign(")")) throw this.#bad();
    this.#depth -= 1;
    return { kind: "pipeline", pipeline };
  }

  #fields(of: Operand, leading: boolean): Operand {
    const names: string[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token?.kind !== "field" || (token.space && !(leading && names.length === 0))) break;
      names.push(token.name);
      this.#at += 1;
    }
    return names.length === 0 ? of : { kind: "field", of, names };
  }

  #takeSign(text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "sign" || token.text !== text) return false;
    this.#at += 1;
    return true;
  }

  #bad(): Error {
    return problem(`{{${this.#source}}} cannot be read`);
  }
}

function wordOperand(word: string): Operand {
  if (word === "true" || word === "false") return { kind: "literal", value: word === "true" };
  if (word === "nil") return { kind: "literal", value: null };
  return { kind: "call", name: word };
}
