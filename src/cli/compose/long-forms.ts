import { homedir } from "node:os";
import { resolve } from "node:path";
import type { Place, Problems } from "./problems.ts";
import { parseShortPort } from "./short-ports.ts";
import { parseShortVolume } from "./short-volumes.ts";
import {
  child,
  type Entry,
  list,
  type MapTree,
  map,
  type ScalarTree,
  scalar,
  type Tree,
  textOf,
  withChild,
} from "./tree.ts";

type Change = (tree: Tree) => Tree;

/**
 * Pure: a file with every short form written as the long one, and paths as absolute ones (from `folder`), so that files can be merged.
 * Wrong short forms are told; wrong types are left to the decoder.
 */
export function toLongForms(file: MapTree, folder: string, problems: Problems): MapTree {
  const forms = new LongForms(folder, problems);
  let result = file;
  const sections: Readonly<Record<string, Change>> = {
    services: (tree) => forms.service(tree),
    networks: (tree) => forms.object(tree),
    volumes: (tree) => forms.object(tree),
    secrets: (tree) => forms.object(tree),
    configs: (tree) => forms.object(tree),
  };
  for (const [name, change] of Object.entries(sections)) {
    const section = child(result, name);
    if (section?.kind === "map") {
      result = withChild(result, name, eachValue(section, change));
    }
  }
  return result;
}

class LongForms {
  readonly #folder: string;
  readonly #problems: Problems;

  constructor(folder: string, problems: Problems) {
    this.#folder = folder;
    this.#problems = problems;
  }

  service(tree: Tree): Tree {
    const emptyValue: Change = (item) => scalar("", item.place);
    const noValue: Change = (item) => scalar(null, item.place);
    const noFields: Change = (item) => map({}, item.place);
    return changed(tree, {
      environment: (value) => this.#pairs(value, noValue),
      labels: (value) => this.#pairs(value, emptyValue),
      sysctls: (value) => this.#pairs(value, emptyValue),
      deploy: (value) => changed(value, { labels: (labels) => this.#pairs(labels, emptyValue) }),
      networks: (value) => namesToMap(value, noValue),
      depends_on: (value) => namesToMap(value, noFields),
      env_file: (value) =>
        eachItem(toList(value), (item) => [this.#pathOf(toMap(item, "path"), "path")]),
      dns: toList,
      dns_search: toList,
      tmpfs: toList,
      extra_hosts: (value) => hosts(value),
      ports: (value) => eachItem(value, (item) => this.#ports(item)),
      volumes: (value) => eachItem(value, (item) => this.#volume(item)),
      secrets: (value) => eachItem(value, (item) => [toMap(item, "source")]),
      configs: (value) => eachItem(value, (item) => [toMap(item, "source")]),
    });
  }

  /** A network, volume, secret or config of the top. */
  object(tree: Tree): Tree {
    const long = changed(tree, {
      labels: (value) => this.#pairs(value, (item) => scalar("", item.place)),
    });
    const external = child(long, "external");
    if (long.kind !== "map" || external?.kind !== "map") return this.#pathOf(long, "file");
    const name = child(external, "name");
    this.#problems.warn(
      external.place,
      "external.name is out of date; write external: true and name",
    );
    return withChild(
      withChild(long, "external", scalar(true, external.place)),
      "name",
      child(long, "name") ?? name,
    );
  }

  // ["A=1", "B"] -> {A: "1", B: whenAlone}
  #pairs(tree: Tree, whenAlone: Change): Tree {
    if (tree.kind !== "list") return tree;
    const entries = new Map<string, Entry>();
    for (const item of tree.items) {
      const text = textOf(item);
      if (text === undefined) {
        this.#problems.error(item.place, "an item of this list must be KEY=value");
        continue;
      }
      const at = text.indexOf("=");
      const key = at < 0 ? text : text.slice(0, at);
      const value = at < 0 ? whenAlone(item) : scalar(text.slice(at + 1), item.place);
      if (key === "") this.#problems.error(item.place, `"${text}" must be KEY=value`);
      else entries.set(key, { keyPlace: item.place, value });
    }
    return { kind: "map", entries, place: tree.place, tag: tree.tag };
  }

  #ports(item: Tree): Tree[] {
    const text = textOf(item);
    if (text === undefined) return [item];
    const ports = parseShortPort(text);
    if (typeof ports !== "string") return ports.map((port) => treeOf(port, item.place));
    this.#problems.error(item.place, ports);
    return [];
  }

  #volume(item: Tree): Tree[] {
    const text = textOf(item);
    let long = item;
    if (text !== undefined) {
      const volume = parseShortVolume(text);
      if (typeof volume === "string") {
        this.#problems.error(item.place, volume);
        return [];
      }
      long = treeOf(volume, item.place);
    }
    return [textOf(child(long, "type")) === "bind" ? this.#pathOf(long, "source") : long];
  }

  #pathOf(tree: Tree, key: string): Tree {
    const path = child(tree, key);
    if (tree.kind !== "map" || path?.kind !== "scalar" || typeof path.value !== "string") {
      return tree;
    }
    return withChild(tree, key, scalar(absolute(this.#folder, path.value), path.place));
  }
}

/** "./a" and "~/a" as absolute paths. */
export function absolute(folder: string, path: string): string {
  const expanded = /^~(\/|$)/.test(path) ? `${homedir()}${path.slice(1)}` : path;
  return resolve(folder, expanded);
}

function eachValue(tree: MapTree, change: Change): MapTree {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of tree.entries) {
    entries.set(key, { ...entry, value: change(entry.value) });
  }
  return { ...tree, entries };
}

function changed(tree: Tree, changes: Readonly<Record<string, Change>>): Tree {
  if (tree.kind !== "map") return tree;
  let result = tree;
  for (const [key, change] of Object.entries(changes)) {
    const value = child(result, key);
    if (value !== undefined) result = withChild(result, key, change(value));
  }
  return result;
}

function eachItem(tree: Tree, change: (item: Tree) => readonly Tree[]): Tree {
  return tree.kind === "list" ? { ...tree, items: tree.items.flatMap(change) } : tree;
}

function toList(tree: Tree): Tree {
  return textOf(tree) === undefined ? tree : list([tree], tree.place, tree.tag);
}

function toMap(tree: Tree, key: string): Tree {
  return textOf(tree) === undefined ? tree : map({ [key]: tree }, tree.place);
}

function namesToMap(tree: Tree, whenAlone: Change): Tree {
  if (tree.kind !== "list") return tree;
  const fields: Record<string, Tree> = {};
  for (const item of tree.items) {
    const name = textOf(item);
    if (name === undefined) return tree; // the decoder says that it must be a map
    fields[name] = whenAlone(item);
  }
  return map(fields, tree.place, tree.tag);
}

// {a: 1.2.3.4} -> ["a:1.2.3.4"]; "a=1.2.3.4" -> "a:1.2.3.4"
function hosts(tree: Tree): Tree {
  if (tree.kind === "list") {
    return eachItem(tree, (item) => {
      const [, name, ip] = /^([^=:]+)=(.*)$/.exec(textOf(item) ?? "") ?? [];
      return [name === undefined ? item : scalar(`${name}:${ip}`, item.place)];
    });
  }
  if (tree.kind !== "map") return tree;
  const items = [...tree.entries].flatMap(([name, { value }]) => {
    const ips = value.kind === "list" ? value.items : [value];
    return ips.map((ip) => scalar(`${name}:${textOf(ip) ?? ""}`, ip.place));
  });
  return list(items, tree.place, tree.tag);
}

function treeOf(value: object, place: Place): MapTree {
  const fields: Record<string, Tree> = {};
  for (const [key, field] of Object.entries(value)) {
    fields[key] =
      typeof field === "object"
        ? treeOf(field as object, place)
        : scalar(field as ScalarTree["value"], place);
  }
  return map(fields, place);
}
