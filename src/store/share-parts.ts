/**
 * Lets `object` use those parts of `like` that are equal to its own: thousands of tasks of a service carry the same spec, and parts that
 * are shared take no memory and need not be frozen again. Changes `object`, which nobody else may have yet.
 */
export function shareParts<O extends object>(object: O, like: O | undefined): O {
  if (like === undefined) return object;
  for (const key of Object.keys(object) as (keyof O)[]) {
    const part = object[key];
    if (typeof part === "string") {
      if (part === like[key]) object[key] = like[key]; // the text is there only once then
    } else if (part !== null && typeof part === "object") {
      if (part !== like[key] && isEqual(part, like[key])) object[key] = like[key];
    }
  }
  return object;
}

interface Fields {
  readonly [key: string]: unknown;
}

/** Whether two values of decoded messages are equal. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, at) => isEqual(item, b[at]));
  }
  if (ArrayBuffer.isView(a)) {
    return Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b);
  }
  const left = a as Fields;
  const right = b as Fields;
  let count = 0;
  for (const key in left) {
    if (!Object.hasOwn(right, key) || !isEqual(left[key], right[key])) return false;
    count += 1;
  }
  return count === Object.keys(right).length;
}
