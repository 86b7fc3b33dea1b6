import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "../src/base/random.ts";
import type { Entry } from "../src/raft/core/types.ts";
import { DataKeys } from "../src/raft/storage/data-keys.ts";
import { LevelLog } from "../src/raft/storage/level-log.ts";
import { encodePut } from "./kv.ts";

/**
 * How many entries a second the log alone takes, on an otherwise idle machine: `clients` each append one and wait until it is on the
 * disk, and all that wait while a write is under way go with the next one. What raft can reach at most.
 */
export async function rawGroupCommit(clients: number, durationMs: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "skep-raw-"));
  const log = await LevelLog.open(folder, { seal: DataKeys.create(systemRandom) });
  const data = encodePut({ key: Buffer.alloc(8, "k"), value: Buffer.alloc(256, "v") });
  const start = performance.now();
  let index = 0;
  try {
    while (performance.now() - start < durationMs) {
      const entries: Entry[] = [];
      for (let number = 0; number < clients; number += 1) {
        index += 1;
        entries.push({ index, term: 1, type: "normal", data });
      }
      await log.write({
        hardState: { term: 1, vote: 1, commit: index - clients },
        entries,
        sync: true,
      });
    }
    return (index * 1000) / (performance.now() - start);
  } finally {
    await log.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
