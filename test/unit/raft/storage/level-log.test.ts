import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../../src/base/errors.ts";
import { systemRandom } from "../../../../src/base/random.ts";
import type { Entry } from "../../../../src/raft/core/types.ts";
import { DataKeys } from "../../../../src/raft/storage/data-keys.ts";
import { HighWaterMark } from "../../../../src/raft/storage/high-water.ts";
import { LevelLog } from "../../../../src/raft/storage/level-log.ts";
import type { LoadedLog } from "../../../../src/raft/storage/raft-storage.ts";
import { until } from "../../../support/until.ts";

const count = 40;
const segments = ["segment-0", "segment-1"];
const seal = DataKeys.create(systemRandom);

describe("level log after damage", function () {
  this.timeout(30_000);
  let folder: string;
  /** As after `kill -9`: all is in the segments. */
  let killed: string;
  /** As after an orderly end: all is in the database too. */
  let closed: string;
  /** As the first version of the format with sealed records: nothing but the database. */
  let alone: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-level-log-"));
    [killed, closed, alone] = ["killed", "closed", "alone"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const log = await LevelLog.open(closed, { seal });
    for (let index = 1; index <= count; index += 1) {
      const hardState = { term: 1, vote: 1, commit: index };
      await log.write({ entries: [entryAt(index)], hardState, sync: true });
    }
    // As the driver does within a tick; nobody waits for the mark.
    await log.write({ entries: [], hardState: { term: 1, vote: 1, commit: count }, sync: false });
    const markPath = join(closed, "high-water");
    await until("the mark", 5_000, () => HighWaterMark.read(markPath) === count + 1);
    await cp(closed, killed, { recursive: true });
    await log.close();
    await cp(closed, alone, { recursive: true });
    for (const name of segments) await rm(join(alone, name));
    await writeFile(join(alone, "format"), "2\n");
  });

  after(() => rm(folder, { recursive: true, force: true }));

  async function opened(
    original: string,
    change: (copy: string) => Promise<void>,
  ): Promise<LoadedLog | Error> {
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

  function assertRefused(result: LoadedLog | Error, what: string): void {
    assert.ok(result instanceof Error, `${what} went unnoticed`);
    assert.ok(isClusterError(result, "DATA_LOSS"), `${what}: ${result.message}`);
    assert.match(result.message, /demote and remove this node/);
  }

  function assertWhole(result: LoadedLog | Error): void {
    assert.ok(!(result instanceof Error), String(result));
    assert.deepEqual(
      result.entries.map(({ index }) => index),
      Array.from({ length: count }, (_, at) => at + 1),
    );
  }

  it("opens unharmed", async () => {
    for (const original of [killed, closed, alone]) {
      assertWhole(await opened(original, async () => {}));
    }
  });

  it("refuses to start with a flipped byte anywhere in the segments, and says how to repair", async () => {
    const bytes = await readFile(join(killed, "segment-0"));
    const end = usedBytes(bytes);
    assert.ok(end > count * 100);
    for (let at = 3; at < end; at += Math.floor(end / 24)) {
      const result = await opened(killed, (copy) => flip(join(copy, "segment-0"), at));
      assertRefused(result, `byte ${at}`);
    }
  });

  it("refuses to start with a flipped byte anywhere in the database, if the segments do not have it", async () => {
    const wal = await walOf(alone);
    const { length } = await readFile(join(alone, wal));
    for (let at = 3; at < length; at += Math.floor(length / 12)) {
      const result = await opened(alone, (copy) => flip(join(copy, wal), at));
      assertRefused(result, `byte ${at}`);
      const healed = await opened(closed, (copy) => flip(join(copy, wal), at));
      if (!(healed instanceof Error)) assertWhole(healed);
    }
  });

  it("never opens shorter than what was acknowledged", async () => {
    const wal = await walOf(alone);
    const lengths = {
      [wal]: (await readFile(join(alone, wal))).length,
      "segment-0": usedBytes(await readFile(join(killed, "segment-0"))),
    };
    for (const [name, length] of Object.entries(lengths)) {
      const original = name === wal ? alone : killed;
      for (const cut of [9, 50, Math.floor(length / 2), length]) {
        const result = await opened(original, (copy) => truncate(join(copy, name), length - cut));
        assert.ok(isClusterError(result, "DATA_LOSS"), `${name}, cut of ${cut}`);
      }
    }
    for (const name of ["segment-0", "log"]) {
      const result = await opened(killed, (copy) => rm(join(copy, name), { recursive: true }));
      assert.ok(isClusterError(result, "DATA_LOSS"), `without ${name}`);
    }
  });

  it("cuts off a torn tail that was not acknowledged yet", async () => {
    const before = await mkdtemp(join(folder, "before-"));
    await cp(killed, before, { recursive: true });
    // As at a power loss while the write was under way: the mark is still that of the write before.
    const mark = await readFile(join(killed, "high-water"));
    const log = await LevelLog.open(before, { seal });
    await log.write({ entries: [entryAt(count + 1)], sync: true });
    // Not followed by anything yet.
    const torn = await mkdtemp(join(folder, "torn-"));
    await cp(before, torn, { recursive: true });
    await log.close();
    const segment = join(torn, "segment-0");
    await flip(segment, usedBytes(await readFile(segment)) - 9);
    await writeFile(join(torn, "high-water"), mark);
    const again = await LevelLog.open(torn, { seal });
    assert.equal(again.load().entries.length, count);
    await again.write({ entries: [entryAt(count + 1)], sync: true });
    await again.close();
    const whole = await LevelLog.open(torn, { seal });
    assert.equal(whole.load().entries.length, count + 1);
    await whole.close();
  });

  it("is held by one process only", async () => {
    const copy = join(folder, "held");
    const log = await LevelLog.open(copy, { seal });
    await assert.rejects(LevelLog.open(copy, { seal }), (error) => isClusterError(error));
    await log.close();
  });
});

/** Up to the last byte that is not zero. */
function usedBytes(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  await writeFile(path, bytes);
}

/** The file that LevelDB writes to, in the log's folder. */
async function walOf(folder: string): Promise<string> {
  const names = await readdir(join(folder, "log"));
  const wals = names.filter((name) => /^\d+\.log$/.test(name)).sort();
  const last = wals.at(-1);
  assert.ok(last !== undefined);
  return join("log", last);
}

function entryAt(index: number): Entry {
  return { index, term: 1, type: "normal", data: Buffer.alloc(100, index) };
}
