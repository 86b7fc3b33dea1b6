import type { Place } from "./problems.ts";

/** A value of a compose file that knows where it stands. What a YAML file says, without anchors, aliases and merge keys. */
export type Tree = ScalarTree | ListTree | MapTree;

/** How a value takes part in merging: `!override` replaces what was there, `!reset` removes it (Compose specification, "Merge"). */
export type MergeTag = "override" | "reset";

interface TreeBase {
  readonly place: Place;
  readonly tag?: MergeTag | undefined;
}

export interface ScalarTree extends TreeBase {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As it is written, without quotes: numbers keep their zeros. */
  readonly text: string;
}

export interface ListTree extends TreeBase {
  readonly kind: "list";
  readonly items: readonly Tree[];
}

export interface MapTree extends TreeBase {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A value and where its key stands. */
export interface Entry {
  readonly keyPlace: Place;
  readonly value: Tree;
}

export function scalar(value: ScalarTree["value"], place: Place): ScalarTree {
  return { kind: "scalar", value, text: value === null ? "" : String(value), place };
}

export function list(items: readonly Tree[], place: Place, tag?: MergeTag): ListTree {
  return { kind: "list", items, place, ...(tag === undefined ? {} : { tag }) };
}

/** A map whose keys stand where the whole does; undefined values stay out. */
export function map(
  fields: Readonly<Record<string, Tree | undefined>>,
  place: Place,
  tag?: MergeTag,
): MapTree {
  const entries = new Map<string, Entry>();
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) entries.set(key, { keyPlace: value.place, value });
  }
  return { kind: "map", entries, place, ...(tag === undefined ? {} : { tag }) };
}

/** The value of a key; undefined when `tree` is no map or the key is missing. */
export function child(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === "map" ? tree.entries.get(key)?.value : undefined;
}

export function isNull(tree: Tree | undefined): boolean {
  return tree === undefined || (tree.kind === "scalar" && tree.value === null);
}

/** The text of a scalar that is a string or number; undefined for all else. */
export function textOf(tree: Tree | undefined): string | undefined {
  if (tree?.kind !== "scalar" || tree.value === null || typeof tree.value === "boolean") {
    return undefined;
  }
  return tree.text;
}

/** The same map with one value changed, added or (undefined) taken out. */
export function withChild(tree: MapTree, key: string, value: Tree | undefined): MapTree {
  const entries = new Map(tree.entries);
  if (value === undefined) entries.delete(key);
  else entries.set(key, { keyPlace: entries.get(key)?.keyPlace ?? value.place, value });
  return { ...tree, entries };
}

/** "map", "list", "number"…: what people call the value. */
export function kindName(tree: Tree): string {
  if (tree.kind !== "scalar") return tree.kind;
  if (tree.value === null) return "empty";
  return typeof tree.value;
}
