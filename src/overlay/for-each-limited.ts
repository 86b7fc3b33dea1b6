/** Calls `fn` for each item, at most `limit` at a time; returns what was thrown. */
export async function forEachLimited<T>(
  items: Iterable<T>,
  limit: number,
  fn: (item: T) => Promise<void>,
): Promise<unknown[]> {
  const iterator = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const work = async () => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      try {
        await fn(next.value);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, work));
  return errors;
}
