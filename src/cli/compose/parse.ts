import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseAllDocuments,
} from "yaml";
import type { Place, Problems } from "./problems.ts";
import type { Entry, MapTree, MergeTag, Tree } from "./tree.ts";

/** A file of aliases to aliases grows without bounds. */
const valuesMax = 100_000;
const depthMax = 100;

/**
 * Reads a YAML file into a tree with places. Anchors and merge keys (`<<`) are resolved. Undefined, with problems told, when it is
 * not YAML or no map.
 */
export function parseFile(text: string, file: string, problems: Problems): MapTree | undefined {
  const lines = new LineCounter();
  const tags = ["!reset", "!override"].map((tag) => ({ tag, resolve: (value: string) => value }));
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    merge: false,
    customTags: tags,
    logLevel: "silent",
  });
  const builder = new TreeBuilder(file, lines, problems);
  const [first, second] = documents;
  for (const { message, pos } of documents.flatMap(({ errors }) => errors)) {
    problems.error(builder.placeAt(pos[0]), `not valid YAML: ${plain(message)}`);
  }
  if (second !== undefined && problems.errors.length === 0) {
    problems.error(builder.placeAt(second.range[0]), "a compose file is one document, not several");
  }
  if (first === undefined) problems.error(builder.start, "the file is empty");
  if (first === undefined || problems.errors.length > 0) return undefined;
  const tree = builder.build(first);
  if (tree?.kind === "map") return tree;
  problems.error(builder.start, "the top of a compose file must be a map with services");
  return undefined;
}

function plain(message: string): string {
  const one = message.split("\n")[0] ?? message;
  return one.charAt(0).toLowerCase() + one.slice(1);
}

class TreeBuilder {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #problems: Problems;
  readonly #open = new Set<Node>();
  #document: Document.Parsed | undefined;
  #count = 0;

  constructor(file: string, lines: LineCounter, problems: Problems) {
    this.#file = file;
    this.#lines = lines;
    this.#problems = problems;
  }

  get start(): Place {
    return { file: this.#file, line: 1, column: 1 };
  }

  placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  build(document: Document.Parsed): Tree | undefined {
    this.#document = document;
    return document.contents === null ? undefined : this.#tree(document.contents, 0);
  }

  #tree(node: ParsedNode, depth: number): Tree {
    const place = this.placeAt(node.range[0]);
    const nothing: Tree = { kind: "scalar", value: null, text: "", place };
    this.#count += 1;
    if (this.#count > valuesMax || depth > depthMax) {
      if (this.#count <= valuesMax + 1) {
        this.#count = valuesMax + 1;
        this.#problems.error(
          place,
          `too large: more than ${valuesMax} values or ${depthMax} levels, with anchors written out`,
        );
      }
      return nothing;
    }
    if (isAlias(node)) return this.#alias(node, place, depth) ?? nothing;
    const tag = mergeTag(node.tag);
    if (isMap(node)) {
      this.#open.add(node);
      const entries = this.#entries(node.items as readonly Pair[], depth);
      this.#open.delete(node);
      return { kind: "map", entries, place, tag };
    }
    if (isSeq(node)) {
      this.#open.add(node);
      const items = node.items.map((item) => this.#tree(item as ParsedNode, depth + 1));
      this.#open.delete(node);
      return { kind: "list", items, place, tag };
    }
    const value = isScalar(node) ? node.value : null;
    // A tag of merging hides the type of a plain value; only what is reset or replaced needs it.
    if (tag === "reset" || value === null || value === undefined) return { ...nothing, tag };
    if (typeof value === "bigint") {
      return { kind: "scalar", value: Number(value), text: String(value), place, tag };
    }
    if (typeof value === "number" || typeof value === "boolean") {
      const text = (isScalar(node) ? node.source : undefined) ?? String(value);
      return { kind: "scalar", value, text, place, tag };
    }
    return { kind: "scalar", value: String(value), text: String(value), place, tag };
  }

  #alias(node: Node & { readonly source: string }, place: Place, depth: number): Tree | undefined {
    const document = this.#document;
    const target = isAlias(node) && document !== undefined ? node.resolve(document) : undefined;
    if (target === undefined) {
      this.#problems.error(place, `there is no anchor &${node.source} above`);
      return undefined;
    }
    if (this.#open.has(target)) {
      this.#problems.error(place, `anchor &${node.source} contains itself`);
      return undefined;
    }
    return this.#tree(target as ParsedNode, depth + 1);
  }

  // What is merged in comes first, so that the map's own keys win; of several merged maps the earlier wins (YAML merge key).
  #entries(pairs: readonly Pair[], depth: number): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    const merged: Tree[] = [];
    for (const { key, value } of pairs) {
      const keyPlace = this.placeAt(key.range[0]);
      if (!isScalar(key)) {
        this.#problems.error(keyPlace, "a key must be a plain word");
        continue;
      }
      const name = String(key.source ?? key.value ?? "");
      const tree: Tree =
        value === null
          ? { kind: "scalar", value: null, text: "", place: keyPlace }
          : this.#tree(value, depth + 1);
      if (name !== "<<") entries.set(name, { keyPlace, value: tree });
      else merged.push(...(tree.kind === "list" ? tree.items : [tree]));
    }
    for (const tree of merged) {
      if (tree.kind !== "map") {
        this.#problems.error(tree.place, "<< must name a map, or a list of maps");
        continue;
      }
      for (const [name, entry] of tree.entries) {
        if (!entries.has(name)) entries.set(name, entry);
      }
    }
    return entries;
  }
}

interface Pair {
  readonly key: ParsedNode;
  readonly value: ParsedNode | null;
}

function mergeTag(tag: string | undefined): MergeTag | undefined {
  if (tag === "!reset") return "reset";
  return tag === "!override" ? "override" : undefined;
}
