import { parseLabels } from "../values.ts";

/** Pure: `before` without what `removed` names and with `added`, which replaces what has the same key. */
export function changedList<T>(
  before: readonly T[] | undefined,
  added: readonly T[] | undefined,
  removed: readonly string[] | undefined,
  keyOf: (item: T) => string | undefined,
): T[] {
  const replaced = new Set((added ?? []).map(keyOf));
  const gone = new Set<string | undefined>(removed ?? []);
  const kept = (before ?? []).filter(
    (item) => !gone.has(keyOf(item)) && !replaced.has(keyOf(item)),
  );
  return [...kept, ...(added ?? [])];
}

/** Pure: as `changedList`, but undefined stays so when there is nothing to say. */
export function changedOptional<T>(
  before: readonly T[] | undefined,
  added: readonly T[] | undefined,
  removed: readonly string[] | undefined,
  keyOf: (item: T) => string | undefined,
): T[] | undefined {
  const list = changedList(before, added, removed, keyOf);
  return before === undefined && list.length === 0 ? undefined : list;
}

/** Pure: the labels after `--<flag>-add` and `--<flag>-rm`. */
export function changedLabels(
  before: Readonly<Record<string, string>> | undefined,
  flag: string,
  added: readonly string[] | undefined,
  removed: readonly string[] | undefined,
): Record<string, string> {
  const labels = { ...before, ...parseLabels(`--${flag}-add`, added ?? []) };
  for (const key of removed ?? []) delete labels[key];
  return labels;
}
