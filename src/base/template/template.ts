import { commonFunctions, type TemplateFunction } from "./functions.ts";
import { problem } from "./lex.ts";
import {
  type Command,
  type Operand,
  type Pipeline,
  parseTemplate,
  type TemplateNode,
} from "./parse.ts";
import { goText, isTrue } from "./values.ts";

export interface TemplateOptions {
  /** Beside the common ones, which they may replace. */
  readonly functions?: Readonly<Record<string, TemplateFunction>>;
  /** What a field that is not there is: an error that names those that are, or `<no value>`. Default: an error. */
  readonly missing?: "error" | "no value";
}

/** Blocks and pipelines run at most this often, so that no template runs for ever. */
const stepsMax = 1_000_000;

/** A template in a subset of the language of Go's text/template, as docker's `--format` and Swarm's placeholders take it. */
export class Template {
  readonly #nodes: readonly TemplateNode[];
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #missing: "error" | "no value";

  /** INVALID_ARGUMENT when it cannot be read or calls what there is not. */
  constructor(source: string, options: TemplateOptions = {}) {
    this.#nodes = parseTemplate(source);
    this.#functions = { ...commonFunctions, ...options.functions };
    this.#missing = options.missing ?? "error";
    for (const name of callsOf(this.#nodes)) {
      if (!Object.hasOwn(this.#functions, name)) throw problem(`function "${name}" is not known`);
    }
  }

  /** INVALID_ARGUMENT when a field is not there or a function does not take its arguments. */
  render(data: unknown): string {
    return new Run(this.#functions, this.#missing, data).all(this.#nodes);
  }
}

type Scope = Map<string, unknown>;
class Jump extends Error {
  readonly kind: "break" | "continue";
  readonly written: string;

  constructor(kind: "break" | "continue", written: string) {
    super(`{{${kind}}} stands outside of a range`);
    this.kind = kind;
    this.written = written;
  }
}

class Run {
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #missing: "error" | "no value";
  readonly #root: unknown;
  #scopes: Scope[];
  #steps = 0;

  constructor(
    functions: Readonly<Record<string, TemplateFunction>>,
    missing: "error" | "no value",
    root: unknown,
  ) {
    this.#functions = functions;
    this.#missing = missing;
    this.#root = root;
    this.#scopes = [new Map([["", root]])];
  }

  all(nodes: readonly TemplateNode[]): string {
    try {
      return this.#nodes(nodes, this.#root);
    } catch (error) {
      throw error instanceof Jump ? problem(error.message) : error;
    }
  }

  #nodes(nodes: readonly TemplateNode[], dot: unknown): string {
    let text = "";
    for (const node of nodes) {
      this.#steps += 1;
      if (this.#steps > stepsMax) throw problem("it does not come to an end");
      try {
        text += this.#node(node, dot);
      } catch (error) {
        if (error instanceof Jump) throw new Jump(error.kind, text + error.written);
        throw error;
      }
    }
    return text;
  }

  #node(node: TemplateNode, dot: unknown): string {
    switch (node.kind) {
      case "text":
        return node.text;
      case "print": {
        const value = this.#pipeline(node.pipeline, dot);
        return node.pipeline.variables.length > 0 ? "" : goText(value);
      }
      case "break":
      case "continue":
        throw new Jump(node.kind, "");
      default:
        return this.#scoped(() => {
          if (node.kind === "range")
            return this.#range(node.pipeline, node.body, node.otherwise, dot);
          const value = this.#pipeline(node.pipeline, dot);
          if (!isTrue(value)) return this.#nodes(node.otherwise, dot);
          return this.#nodes(node.body, node.kind === "with" ? value : dot);
        });
    }
  }

  #range(
    pipeline: Pipeline,
    body: readonly TemplateNode[],
    otherwise: readonly TemplateNode[],
    dot: unknown,
  ): string {
    const list = this.#commands(pipeline, dot);
    const entries = entriesOf(list);
    if (entries.length === 0) return this.#nodes(otherwise, dot);
    let text = "";
    for (const [key, item] of entries) {
      const [first, second] = pipeline.variables;
      const scope: Scope = new Map();
      if (second !== undefined && first !== undefined) scope.set(first, key).set(second, item);
      else if (first !== undefined) scope.set(first, item);
      this.#scopes.push(scope);
      try {
        text += this.#nodes(body, item);
      } catch (error) {
        if (!(error instanceof Jump)) throw error;
        text += error.written;
        if (error.kind === "break") break;
      } finally {
        this.#scopes.pop();
      }
    }
    return text;
  }

  #scoped<T>(work: () => T): T {
    this.#scopes.push(new Map());
    try {
      return work();
    } finally {
      this.#scopes.pop();
    }
  }

  #pipeline(pipeline: Pipeline, dot: unknown): unknown {
    const value = this.#commands(pipeline, dot);
    const [name] = pipeline.variables;
    if (name === undefined) return value;
    const scope = pipeline.declares ? this.#scopes.at(-1) : this.#scopeOf(name);
    scope?.set(name, value);
    return value;
  }

  #commands(pipeline: Pipeline, dot: unknown): unknown {
    let passed: readonly unknown[] = [];
    for (const command of pipeline.commands) passed = [this.#command(command, dot, passed)];
    return passed[0];
  }

  #command({ first, args }: Command, dot: unknown, passed: readonly unknown[]): unknown {
    if (first.kind === "call") {
      return this.#call(first.name, [...args.map((arg) => this.#operand(arg, dot)), ...passed]);
    }
    if (passed.length > 0) throw problem("after | there must be a function");
    return this.#operand(first, dot);
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case "dot":
        return dot;
      case "literal":
        return operand.value;
      case "variable":
        return this.#scopeOf(operand.name).get(operand.name);
      case "call":
        return this.#call(operand.name, []);
      case "pipeline":
        return this.#pipeline(operand.pipeline, dot);
      case "field":
        return operand.names.reduce(
          (value, name) => this.#field(value, name),
          this.#operand(operand.of, dot),
        );
    }
  }

  #field(value: unknown, name: string): unknown {
    if (typeof value === "object" && value !== null && Object.hasOwn(value, name)) {
      return (value as Record<string, unknown>)[name];
    }
    if (this.#missing === "no value") return undefined;
    const known =
      typeof value === "object" && value !== null ? Object.keys(value).map((key) => `.${key}`) : [];
    const hint = known.length === 0 ? "it has no fields" : `the fields are ${known.join(" ")}`;
    throw problem(`".${name}" is not known; ${hint}`);
  }

  #call(name: string, args: readonly unknown[]): unknown {
    const known = this.#functions[name];
    if (known === undefined) throw problem(`function "${name}" is not known`);
    return known(...args);
  }

  #scopeOf(name: string): Scope {
    const scope = this.#scopes.findLast((each) => each.has(name));
    if (scope === undefined) throw problem(`variable "$${name}" is not known`);
    return scope;
  }
}

function entriesOf(list: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(list)) return list.map((item: unknown, at) => [at, item] as const);
  if (list === undefined || list === null) return [];
  if (typeof list === "object") {
    return Object.entries(list).sort(([a], [b]) => (a < b ? -1 : 1));
  }
  throw problem(`range goes over a list or a map, not ${goText(list)}`);
}

function callsOf(nodes: readonly TemplateNode[]): string[] {
  return nodes.flatMap((node) => {
    if (node.kind === "print") return callsOfPipeline(node.pipeline);
    if (node.kind === "if" || node.kind === "with" || node.kind === "range") {
      return [...callsOfPipeline(node.pipeline), ...callsOf(node.body), ...callsOf(node.otherwise)];
    }
    return [];
  });
}

function callsOfPipeline({ commands }: Pipeline): string[] {
  return commands.flatMap(({ first, args }) => [first, ...args].flatMap(callsOfOperand));
}

function callsOfOperand(operand: Operand): string[] {
  if (operand.kind === "call") return [operand.name];
  if (operand.kind === "pipeline") return callsOfPipeline(operand.pipeline);
  return operand.kind === "field" ? callsOfOperand(operand.of) : [];
}
