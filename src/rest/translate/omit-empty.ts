/**
 * Without the fields that Go's `omitempty` leaves out: undefined, "", 0, false, [] and {}.
 * Fields where 0 or false differs from absent must be added after.
 */
export function omitEmpty<T extends object>(value: T): T {
  const kept = Object.entries(value).filter(([, field]) => !isEmpty(field));
  return Object.fromEntries(kept) as T;
}

/** Without the fields that are undefined. */
export function omitUndefined<T extends object>(
  value: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  const kept = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function isEmpty(field: unknown): boolean {
  if (field === undefined || field === null || field === "" || field === 0 || field === false) {
    return true;
  }
  if (Array.isArray(field)) return field.length === 0;
  return typeof field === "object" && Object.keys(field).length === 0;
}
