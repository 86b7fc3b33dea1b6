import { hardStateKey, isCurrent, metaKey } from "./codec.ts";
import { firstBatchKey, type LogDatabase, lastBatchKey, records } from "./log-reader.ts";
import type { Seal } from "./seal.ts";

/**
 * Whether all that would be read of the log at an opening, if its first entry were `firstIndex`, is sealed with the newest key. Looks at what
 * the database holds now; the caller has seen to it that nothing sealed earlier is on its way there.
 */
export async function isSealedAnew(
  db: LogDatabase,
  seal: Seal,
  firstIndex: number,
): Promise<boolean> {
  for (const key of [hardStateKey, metaKey]) {
    const value = await db.get(key);
    if (value !== undefined && !isCurrent(value, seal)) return false;
  }
  const firstKey = await firstBatchKey(db, firstIndex);
  for await (const [, value] of records(db, firstKey, lastBatchKey)) {
    if (!isCurrent(value, seal)) return false;
  }
  return true;
}
