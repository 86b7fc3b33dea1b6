import type { Problems } from "./problems.ts";
import { SubstitutionError, substitute, type Variables } from "./substitute.ts";
import type { Entry, MapTree, Tree } from "./tree.ts";

/** Pure: the tree with the variables in its values filled in (keys stay as they are). Variables that are not set are warned of. */
export function interpolate(tree: MapTree, variables: Variables, problems: Problems): MapTree {
  return entriesOf(tree, (value) => filled(value, variables, problems));
}

function filled(tree: Tree, variables: Variables, problems: Problems): Tree {
  switch (tree.kind) {
    case "map":
      return entriesOf(tree, (value) => filled(value, variables, problems));
    case "list":
      return { ...tree, items: tree.items.map((item) => filled(item, variables, problems)) };
    case "scalar": {
      if (typeof tree.value !== "string" || !tree.value.includes("$")) return tree;
      try {
        const text = substitute(tree.value, variables, (name) => {
          problems.warn(tree.place, `variable ${name} is not set; it stands for nothing here`);
        });
        return { ...tree, value: text, text };
      } catch (error) {
        if (!(error instanceof SubstitutionError)) throw error;
        problems.error(tree.place, error.message);
        return tree;
      }
    }
  }
}

function entriesOf(tree: MapTree, change: (value: Tree) => Tree): MapTree {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of tree.entries) {
    entries.set(key, key.startsWith("x-") ? entry : { ...entry, value: change(entry.value) });
  }
  return { ...tree, entries };
}
