import { ClusterError } from "../../base/errors.ts";
import type { Version } from "../../gen/skep/Version.ts";
import { type ObjectOf, versionOf } from "../../store/objects.ts";
import type { StoreView } from "../../store/store-view.ts";

/** Tables whose objects people name in commands. */
export type ReferableTable = Exclude<keyof ObjectOf, "cluster">;

/**
 * The object a person means: by id, else by name (nodes: host name), else by a prefix of the id that only one has. NOT_FOUND, or
 * INVALID_ARGUMENT when several fit. Objects on their way out are not found.
 */
export function resolve<T extends ReferableTable>(
  view: StoreView,
  table: T,
  ref: string,
): ObjectOf[T] {
  const found = tryResolve(view, table, ref);
  if (found === undefined) throw notFound(table, ref);
  return found;
}

/** As `resolve`, but undefined when there is none. */
export function tryResolve<T extends ReferableTable>(
  view: StoreView,
  table: T,
  ref: string,
): ObjectOf[T] | undefined {
  if (ref === "") throw new ClusterError("INVALID_ARGUMENT", `name a ${table}`);
  const byId = view.get(table, ref);
  if (byId !== undefined && !isLeaving(byId)) return byId;
  const byName = onlyOne(table, ref, namedSo(view, table, ref));
  if (byName !== undefined) return byName;
  const byPrefix = view.byIdPrefix(table, ref).filter((object) => !isLeaving(object));
  return onlyOne(table, ref, byPrefix);
}

export function notFound(table: ReferableTable, ref: string): ClusterError {
  return new ClusterError("NOT_FOUND", `${table} ${ref} not found`);
}

/** Whether the object was removed, and only waits for its last users to end. */
export function isLeaving(object: object): boolean {
  return "pendingDelete" in object && object.pendingDelete === true;
}

/**
 * OUT_OF_DATE unless the caller saw the object as it is now, or a service or node with the spec it has now: what the managers note
 * meanwhile of an update's progress, or of a node's state, is nothing a caller changes. INVALID_ARGUMENT without a version.
 */
export function checkVersion(object: ObjectOf[keyof ObjectOf], seen: Version | null): void {
  if (seen === null) {
    throw new ClusterError("INVALID_ARGUMENT", "an update needs the version that it is based on");
  }
  const current = versionOf(object);
  const oldest = "specVersion" in object ? (object.specVersion?.index ?? current) : current;
  if (seen.index < oldest || seen.index > current) {
    throw new ClusterError("OUT_OF_DATE", "update out of sequence");
  }
}

/** The value, or INVALID_ARGUMENT: requests must carry a spec. */
export function required<T>(value: T | null, what: string): T {
  if (value === null) throw new ClusterError("INVALID_ARGUMENT", `${what} is missing`);
  return value;
}

function namedSo<T extends ReferableTable>(
  view: StoreView,
  table: T,
  name: string,
): readonly ObjectOf[T][] {
  if (table === "node") return view.nodesByHostname(name) as readonly ObjectOf[T][];
  if (table === "task") return [];
  const named = table as Exclude<T, "node" | "task"> & Exclude<ReferableTable, "node" | "task">;
  const object = view.byName(named, name);
  return object === undefined || isLeaving(object) ? [] : [object as ObjectOf[T]];
}

function onlyOne<T>(table: ReferableTable, ref: string, found: readonly T[]): T | undefined {
  if (found.length > 1) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `${table} ${ref} is ambiguous (${found.length} matches found)`,
    );
  }
  return found[0];
}
