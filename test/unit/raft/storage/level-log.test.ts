import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../../src/base/errors.ts";
import { systemRandom } from "../../../../src/base/random.ts";
import type { Entry } from "../../../../src/raft/core/types.ts";
import { DataKeys } from "../../../../src/raft/storage/data-keys.ts";
import { LevelLog } from "../../../../src/raft/storage/level-log.ts";
import type { LoadedLog } from "../../../../src/raft/storage/raft-storage.ts";

const count = 40;
const seal = DataKeys.create(systemRandom);

describe("level log after damage", () => {
  let folder: string;
  let original: string;
  let walPath: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-level-log-"));
    original = join(folder, "original");
    const log = await LevelLog.open(original, { seal });
    for (let index = 1; index <= count; index += 1) {
      const hardState = { term: 1, vote: 1, commit: index };
      await log.write({ entries: [entryAt(index)], hardState, sync: true });
    }
    await log.close();
    walPath = join("log", await walOf(original));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  async function opened(change: (copy: string) => Promise<void>): Promise<LoadedLog | Error> {
    const copy = await mkdtemp(join(folder, "copy-"));
    await cp(original, copy, { recursive: true });
    await change(copy);
    try {
      const log = await LevelLog.open(copy, { seal });
      const loaded = log.load();
      await log.close();
      return loaded;
    } catch (error) {
      assert.ok(error instanceof Error);
      return error;
    } finally {
      await rm(copy, { recursive: true });
    }
  }

  it("opens unharmed", async () => {
    const loaded = await opened(async () => {});
    assert.ok(!(loaded instanceof Error));
    assert.equal(loaded.entries.length, count);
  });

  it("refuses to start with a flipped byte anywhere, and says how to repair", async () => {
    const bytes = await readFile(join(original, walPath));
    for (let at = 3; at < bytes.length; at += Math.floor(bytes.length / 24)) {
      const result = await opened(async (copy) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 0x10;
        await writeFile(join(copy, walPath), changed);
      });
      assert.ok(result instanceof Error, `byte ${at} went unnoticed`);
      assert.ok(isClusterError(result, "DATA_LOSS"), `byte ${at}: ${result.message}`);
      assert.match(result.message, /demote and remove this node/);
    }
  });

  it("never opens shorter than what was acknowledged", async () => {
    const bytes = await readFile(join(original, walPath));
    for (const cut of [1, 50, Math.floor(bytes.length / 2), bytes.length]) {
      const result = await opened((copy) => truncate(join(copy, walPath), bytes.length - cut));
      assert.ok(isClusterError(result, "DATA_LOSS"), `cut of ${cut}`);
    }
  });

  it("cuts off a torn tail that was not acknowledged yet", async () => {
    const bytes = await readFile(join(original, walPath));
    const before = await mkdtemp(join(folder, "before-"));
    await cp(original, before, { recursive: true });
    const log = await LevelLog.open(before, { seal });
    // As at a power loss while the write was under way: the mark is still that of the write before.
    const mark = await readFile(join(before, "high-water"));
    await log.write({ entries: [entryAt(count + 1)], sync: true });
    await log.close();
    const wal = join(before, "log", await walOf(before));
    const torn = (await readFile(wal)).length;
    assert.ok(torn > 0 && bytes.length > 0);
    await truncate(wal, torn - 4);
    await writeFile(join(before, "high-water"), mark);
    const again = await LevelLog.open(before, { seal });
    assert.equal(again.load().entries.length, count);
    await again.write({ entries: [entryAt(count + 1)], sync: true });
    await again.close();
  });

  it("is held by one process only", async () => {
    const copy = join(folder, "held");
    const log = await LevelLog.open(copy, { seal });
    await assert.rejects(LevelLog.open(copy, { seal }), (error) => isClusterError(error));
    await log.close();
  });
});

async function walOf(folder: string): Promise<string> {
  const names = await readdir(join(folder, "log"));
  const wals = names.filter((name) => /^\d+\.log$/.test(name)).sort();
  const last = wals.at(-1);
  assert.ok(last !== undefined);
  return last;
}

function entryAt(index: number): Entry {
  return { index, term: 1, type: "normal", data: Buffer.alloc(100, index) };
}
