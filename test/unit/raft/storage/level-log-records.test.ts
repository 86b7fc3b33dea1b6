import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { isClusterError } from "../../../../src/base/errors.ts";
import { systemRandom } from "../../../../src/base/random.ts";
import type { Entry } from "../../../../src/raft/core/types.ts";
import { batchKey } from "../../../../src/raft/storage/codec.ts";
import { DataKeys } from "../../../../src/raft/storage/data-keys.ts";
import { LevelLog } from "../../../../src/raft/storage/level-log.ts";
import type { Seal } from "../../../../src/raft/storage/seal.ts";

// Each record by itself is whole here; what is wrong is which of them are there.
describe("level log with records missing", () => {
  const keys = DataKeys.create(systemRandom);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-level-records-"));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = (seal: Seal = keys) => LevelLog.open(folder, { seal });

  async function forget(index: number): Promise<void> {
    const db = new Level<Buffer, Buffer>(join(folder, "log"), {
      keyEncoding: "buffer",
      valueEncoding: "buffer",
    });
    assert.ok((await db.get(batchKey(index))) !== undefined, `no record starts at ${index}`);
    await db.del(batchKey(index));
    await db.close();
  }

  async function write(log: LevelLog, entries: readonly Entry[], commit: number): Promise<void> {
    const hardState = { term: 2, vote: 1, commit };
    await log.write({ entries, hardState, sync: true });
  }

  it("refuses one whose entries were replaced by a record that is lost", async () => {
    const log = await open();
    await write(log, [entry(1, 1), entry(2, 1), entry(3, 1), entry(4, 1)], 1);
    await write(log, [entry(3, 2)], 1);
    await write(log, [entry(4, 2)], 1);
    await log.close();
    const again = await open();
    assert.deepEqual(
      again.load().entries.map(({ term }) => term),
      [1, 1, 2, 2],
    );
    await again.close();
    await forget(3);
    await assert.rejects(open(), (error) => isLoss(error, /entry 4 does not follow/));
  });

  it("refuses one whose last entries are lost, though they were not committed", async () => {
    const log = await open();
    await write(log, [entry(1, 1)], 1);
    await write(log, [entry(2, 2)], 1);
    await log.close();
    await forget(2);
    await assert.rejects(open(), (error) => isLoss(error, /up to entry 2, .* ends at 1/));
  });

  it("opens after a crash between the records of one write, and promises no more than is there", async () => {
    const entries = Array.from({ length: 600 }, (_, at) => entry(at + 1, 1));
    let left = 3; // a record and the hard state with it, and the next record fails
    const failing: Seal = {
      seal(plain, context) {
        left -= 1;
        if (left === 0) throw new Error("crash");
        return keys.seal(plain, context);
      },
      open: (sealed, context) => keys.open(sealed, context),
      isCurrent: (sealed) => keys.isCurrent(sealed),
    };
    const log = await open(failing);
    await assert.rejects(write(log, entries, 600), /crash/);
    await log.close();
    const again = await open();
    const { entries: kept, hardState } = again.load();
    await again.close();
    assert.ok(kept.length > 0 && kept.length < 600);
    assert.equal(hardState.commit, kept.length);
  });
});

function isLoss(error: unknown, text: RegExp): boolean {
  assert.ok(isClusterError(error, "DATA_LOSS"), String(error));
  assert.match(error.message, text);
  return true;
}

function entry(index: number, term: number): Entry {
  return { index, term, type: "normal", data: Buffer.from(`${term}.${index}`) };
}
