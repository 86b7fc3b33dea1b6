import {
  child,
  type Entry,
  isNull,
  type ListTree,
  type MapTree,
  type Tree,
  textOf,
  withChild,
} from "./tree.ts";

/** Lists of a service that are one value: the later file's stands alone. */
const replaced = ["command", "entrypoint", "healthcheck.test"];

/** What makes two items of a list the same thing, of which the later file's stays (Compose specification, "Unique resources"). */
const identities: Readonly<Record<string, (item: Tree) => string | undefined>> = {
  ports: portIdentity,
  volumes: (item) => textOf(child(item, "target")),
  secrets: (item) => textOf(child(item, "target")) ?? textOf(child(item, "source")),
  configs: (item) => textOf(child(item, "target")) ?? textOf(child(item, "source")),
  env_file: (item) => textOf(child(item, "path")),
};

/** Pure: two files, in long forms, as one; the later wins (Compose specification, "Merge"). */
export function mergeFiles(base: MapTree, later: MapTree): MapTree {
  const services = child(base, "services");
  const laterServices = child(later, "services");
  const merged = mergeMaps(base, later, (key, a, b) => mergeTrees(a, b, `/${key}`));
  if (services?.kind !== "map" || laterServices?.kind !== "map") return merged;
  const both = mergeMaps(services, laterServices, (_, a, b) => mergeServices(a, b));
  return withChild(merged, "services", both);
}

/** Pure: a service, and what another file (or the service that extends it) says of it. */
export function mergeServices(base: Tree, later: Tree): Tree {
  return mergeTrees(base, later, "");
}

/** The tree without what `!reset` took away. */
export function withoutResets(tree: Tree): Tree {
  if (tree.kind === "list") {
    return { ...tree, items: tree.items.filter(isKept).map(withoutResets) };
  }
  if (tree.kind === "scalar") return tree;
  const kept = [...tree.entries].filter(([, { value }]) => isKept(value));
  const entries = kept.map(
    ([key, entry]) => [key, { ...entry, value: withoutResets(entry.value) }] as const,
  );
  return { ...tree, entries: new Map<string, Entry>(entries) };
}

// `path` is below the service: "deploy.labels"; of other objects it begins with "/", and no rule is for them.
function mergeTrees(base: Tree, later: Tree, path: string): Tree {
  if (later.tag !== undefined || replaced.includes(path)) return later;
  if (isNull(later)) return base;
  if (base.kind === "map" && later.kind === "map") {
    if (path === "logging" && drivesOtherwise(base, later)) return later;
    return mergeMaps(base, later, (key, a, b) =>
      mergeTrees(a, b, path === "" ? key : `${path}.${key}`),
    );
  }
  if (base.kind === "list" && later.kind === "list") return mergeLists(base, later, path);
  return later;
}

function mergeMaps(
  base: MapTree,
  later: MapTree,
  merge: (key: string, base: Tree, later: Tree) => Tree,
): MapTree {
  const entries = new Map(base.entries);
  for (const [key, entry] of later.entries) {
    const before = entries.get(key);
    const value = before === undefined ? entry.value : merge(key, before.value, entry.value);
    entries.set(key, { keyPlace: entry.keyPlace, value });
  }
  return { ...base, entries };
}

function mergeLists(base: ListTree, later: ListTree, path: string): ListTree {
  const identity = identities[path] ?? textOf;
  const items = [...base.items];
  for (const item of later.items) {
    const key = identity(item);
    const at = key === undefined ? -1 : items.findIndex((other) => identity(other) === key);
    if (at < 0) items.push(item);
    else items[at] = item;
  }
  return { ...base, items };
}

// Two services cannot have one published port; where nothing is published the target counts.
function portIdentity(item: Tree): string | undefined {
  const protocol = textOf(child(item, "protocol")) ?? "tcp";
  const published = textOf(child(item, "published"));
  return published === undefined
    ? `>${textOf(child(item, "target"))}/${protocol}`
    : `${published}/${protocol}`;
}

function drivesOtherwise(base: Tree, later: Tree): boolean {
  const driver = textOf(child(later, "driver"));
  return driver !== undefined && driver !== textOf(child(base, "driver"));
}

function isKept(tree: Tree): boolean {
  return tree.tag !== "reset";
}
