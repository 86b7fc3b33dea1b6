import { dirname, join } from "node:path";
import { type Assignment, parseDotenv } from "./dotenv.ts";
import { type OpenFile, resolveExtends } from "./extend.ts";
import { interpolate } from "./interpolate.ts";
import { absolute, toLongForms } from "./long-forms.ts";
import { mergeFiles, withoutResets } from "./merge.ts";
import { parseFile } from "./parse.ts";
import type { Place, Problems } from "./problems.ts";
import type { Variables } from "./substitute.ts";
import { child, list, type MapTree, map, type Tree, textOf, withChild } from "./tree.ts";

/** What loading takes from the world. */
export interface Files {
  /** The text of a file; undefined when there is none. Throws when it cannot be read. */
  read(path: string): string | undefined;
}

/** A compose file as it was given: its text and what to call it. */
export interface ComposeSource {
  /** "compose.yml", "-" */
  readonly file: string;
  readonly text: string;
}

const includesMax = 50;
const objectSections = ["services", "networks", "volumes", "secrets", "configs"] as const;

/**
 * Reads compose files into one tree: each is parsed, filled in from variables, written in long forms, given what it includes and
 * extends, and merged onto the ones before. Problems are gathered, never thrown. `folder` is where relative paths begin; `variables`
 * are those of the environment and of `.env` there.
 */
export function loadTree(
  sources: readonly ComposeSource[],
  folder: string,
  environment: Variables,
  files: Files,
  problems: Problems,
): { readonly tree: MapTree; readonly variables: Variables } {
  const loader = new Loader(files, problems);
  const variables = loader.dotenv(join(folder, ".env"), environment, undefined);
  const place: Place = { file: sources[0]?.file ?? "", line: 1, column: 1 };
  let merged = map({}, place);
  for (const { file, text } of sources) {
    merged = loader.onto(merged, { file, text, folder, variables }, []);
  }
  const tree = withoutResets(merged);
  return { tree: tree.kind === "map" ? tree : merged, variables };
}

interface OpenedFile extends ComposeSource {
  readonly folder: string;
  readonly variables: Variables;
}

class Loader {
  readonly #files: Files;
  readonly #problems: Problems;
  readonly #parsed = new Map<string, MapTree | undefined>();
  #included = 0;

  constructor(files: Files, problems: Problems) {
    this.#files = files;
    this.#problems = problems;
  }

  onto(base: MapTree, source: OpenedFile, chain: readonly string[]): MapTree {
    const own = this.#file(source);
    if (own === undefined) return base;
    const included = this.#includes(own, source, chain);
    const file = withChild(own, "include", undefined);
    this.#refuseTwice(included, file);
    const services = child(file, "services");
    const known = mergeFiles(base, included);
    if (services?.kind !== "map") return mergeFiles(known, file);
    // A service may extend one that only a file before has.
    const before = child(known, "services");
    const all =
      before?.kind === "map"
        ? { ...services, entries: new Map([...before.entries, ...services.entries]) }
        : services;
    const extended = resolveExtends(all, this.#opener(source), this.#problems);
    const entries = [...extended.entries].filter(([name]) => services.entries.has(name));
    return mergeFiles(
      known,
      withChild(file, "services", { ...services, entries: new Map(entries) }),
    );
  }

  /** The variables of an env file under those of the environment. */
  dotenv(path: string, environment: Variables, place: Place | undefined): Variables {
    const text = this.#files.read(path);
    if (text === undefined && place !== undefined) {
      this.#problems.error(place, `there is no env file ${path}`);
    }
    const values = new Map(
      assignmentsOf(text ?? "", path, environment, this.#problems).map(({ name, value }) => [
        name,
        value,
      ]),
    );
    return (name) => environment(name) ?? values.get(name);
  }

  // Parsed once: two services may extend out of one file.
  #file({ file, text, folder, variables }: OpenedFile): MapTree | undefined {
    const key = `${file}\n${folder}\n${text}`;
    if (!this.#parsed.has(key)) {
      const tree = parseFile(text, file, this.#problems);
      const filled = tree && interpolate(tree, variables, this.#problems);
      this.#parsed.set(key, filled && toLongForms(filled, folder, this.#problems));
    }
    return this.#parsed.get(key);
  }

  #opener(from: OpenedFile): OpenFile {
    return (path, place) => {
      const file = absolute(from.folder, path);
      const text = this.#read(file, place);
      if (text === undefined) return undefined;
      const source = { file, text, folder: dirname(file), variables: from.variables };
      const services = child(this.#file(source), "services");
      if (services?.kind === "map") return { services, open: this.#opener(source) };
      return { services: map({}, place), open: this.#opener(source) };
    };
  }

  #includes(own: MapTree, source: OpenedFile, chain: readonly string[]): MapTree {
    let merged = map({}, own.place);
    const include = child(own, "include");
    if (include === undefined) return merged;
    if (include.kind !== "list") {
      this.#problems.error(include.place, "include must be a list of paths");
      return merged;
    }
    for (const item of include.items) {
      const next = this.#include(item, source, chain);
      this.#refuseTwice(merged, next);
      merged = mergeFiles(merged, next);
    }
    return merged;
  }

  // Several paths of one item are merged as several -c are; its own variables count before those of the one that includes.
  #include(item: Tree, source: OpenedFile, chain: readonly string[]): MapTree {
    let merged = map({}, item.place);
    const paths = textsOf(child(item, "path") ?? item);
    if (paths.length === 0) {
      this.#problems.error(item.place, "an item of include must be a path, or a map with path");
      return merged;
    }
    const first = absolute(source.folder, paths[0]?.text ?? "");
    const folderTree = child(item, "project_directory");
    const folder =
      folderTree === undefined ? dirname(first) : absolute(source.folder, textOf(folderTree) ?? "");
    let variables = this.dotenv(join(folder, ".env"), source.variables, undefined);
    for (const { text: path, place } of textsOf(child(item, "env_file"))) {
      variables = this.dotenv(absolute(source.folder, path), variables, place);
    }
    for (const { text: path, place } of paths) {
      const file = absolute(source.folder, path);
      this.#included += 1;
      if (chain.includes(file) || this.#included > includesMax) {
        this.#problems.error(
          place,
          chain.includes(file)
            ? `${path} includes itself`
            : `more than ${includesMax} files are included`,
        );
        return merged;
      }
      const text = this.#read(file, place);
      if (text === undefined) continue;
      merged = this.onto(merged, { file, text, folder, variables }, [...chain, file]);
    }
    return merged;
  }

  // An included file is a part of its own: what it has cannot be changed by naming it again.
  #refuseTwice(before: MapTree, after: MapTree): void {
    for (const section of objectSections) {
      const known = child(before, section);
      const more = child(after, section);
      if (known?.kind !== "map" || more?.kind !== "map") continue;
      for (const [name, { keyPlace }] of more.entries) {
        const other = known.entries.get(name)?.keyPlace;
        if (other === undefined) continue;
        // Two includes of one file are no conflict.
        if (other.file === keyPlace.file && other.line === keyPlace.line) continue;
        this.#problems.error(
          keyPlace,
          `${section}.${name} is in an included file already; give it another name, or override it by a second path of that include`,
        );
      }
    }
  }

  #read(path: string, place: Place): string | undefined {
    const text = this.#files.read(path);
    if (text === undefined) this.#problems.error(place, `there is no file ${path}`);
    return text;
  }
}

/** The lines of an env file; wrong ones are told with their place in it. */
export function assignmentsOf(
  text: string,
  file: string,
  variables: Variables,
  problems: Problems,
): readonly Assignment[] {
  const parsed = parseDotenv(text, variables);
  for (const { line, message } of parsed.problems) {
    problems.error({ file, line, column: 1 }, message);
  }
  return parsed.assignments;
}

function textsOf(tree: Tree | undefined): { readonly text: string; readonly place: Place }[] {
  if (tree === undefined) return [];
  const { items } = tree.kind === "list" ? tree : list([tree], tree.place);
  return items.flatMap((item) => {
    const text = textOf(item);
    return text === undefined ? [] : [{ text, place: item.place }];
  });
}
