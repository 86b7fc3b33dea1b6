import { ClusterError } from "../base/errors.ts";
import { type ObjectOf, type TableName, versionOf } from "./objects.ts";
import { alreadyExists, nameTaken, outOfDate } from "./refusals.ts";
import type { StoreChange } from "./store-entry.ts";
import { type Tables, tableOf } from "./tables/tables.ts";

/**
 * Whether all the changes may be made on these tables: versions are current, ids and names are free once all changes are done.
 * Depends on nothing else, so every manager decides alike. OUT_OF_DATE, ALREADY_EXISTS, INTERNAL (an entry that is no work of ours).
 */
export function checkChanges(tables: Tables, changes: readonly StoreChange[]): void {
  const touched = new Set<string>();
  for (const { kind, table, object, expectedIndex } of changes) {
    const key = `${table}/${object.id}`;
    if (object.id === "" || touched.has(key)) {
      throw new ClusterError("INTERNAL", `the log entry changes ${key} wrongly or twice`);
    }
    touched.add(key);
    const current = tables[table].get(object.id);
    if (kind === "create") {
      if (current !== undefined) throw alreadyExists(table, object.id);
    } else if (current === undefined || versionOf(current) !== expectedIndex) {
      throw outOfDate(table, object.id);
    }
  }
  const claimed = new Set<string>();
  for (const change of changes) {
    if (change.kind !== "remove") checkName(tables, change.table, change.object, touched, claimed);
  }
}

function checkName<T extends TableName>(
  tables: Tables,
  name: T,
  object: ObjectOf[T],
  touched: ReadonlySet<string>,
  claimed: Set<string>,
): void {
  const table = tableOf(tables, name);
  const wanted = table.nameKeyOf(object);
  if (wanted === undefined) return;
  const claim = `${name}/${wanted}`;
  if (claimed.has(claim)) throw nameTaken(name, wanted);
  claimed.add(claim);
  const holder = table.byName(wanted);
  // A holder that this entry changes gives the name up, or claims it again and is found above.
  if (holder !== undefined && !touched.has(`${name}/${holder.id}`)) throw nameTaken(name, wanted);
}
