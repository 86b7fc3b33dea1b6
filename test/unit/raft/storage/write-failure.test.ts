import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../../src/base/errors.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { systemRandom } from "../../../../src/base/random.ts";
import type { Entry } from "../../../../src/raft/core/types.ts";
import { DataKeys } from "../../../../src/raft/storage/data-keys.ts";
import { FileSnapshotStore } from "../../../../src/raft/storage/file-snapshot-store.ts";
import { LevelLog } from "../../../../src/raft/storage/level-log.ts";
import { openLog } from "../../../../src/raft/storage/log-opener.ts";
import { RaftGroup } from "../../../support/raft-group.ts";

const seal = DataKeys.create(systemRandom);

/** Where a write may fail: before the segment took it, after it had taken it, or at the mark beside it. */
type Point = "lost" | "kept" | "mark";

const failures: readonly { point: Point; code: string }[] = [
  { point: "lost", code: "ENOSPC" },
  { point: "kept", code: "EIO" },
  { point: "mark", code: "ENOSPC" },
];

/** What a node does to its log, in order; each step is one or more writes. */
const steps: readonly ((log: LevelLog) => Promise<void>)[] = [
  (log) => log.write({ entries: entries(1, 3, 1), hardState: state(1, 2), sync: true }),
  (log) => log.write({ entries: [], hardState: state(1, 3), sync: false }),
  (log) => log.write({ entries: entries(4, 700, 2), hardState: state(2, 3), sync: true }),
  (log) => log.write({ entries: entries(500, 510, 3), hardState: state(3, 400), sync: true }),
  (log) => log.compact(300),
  (log) => log.write({ entries: entries(511, 520, 3), sync: true }),
  (log) =>
    log.write({
      restart: { index: 900, term: 4 },
      entries: entries(901, 905, 4),
      hardState: state(4, 900),
      sync: true,
    }),
];

describe("a raft log whose disk is full or broken", function () {
  this.timeout(20_000);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-full-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  for (const { point, code } of failures) {
    it(`takes nothing more after ${code} (${point}), at whatever write, and has all that it acknowledged`, async () => {
      const writes = await writesOf(join(folder, "count"));
      assert.ok(writes > steps.length);
      for (let failing = 0; failing < writes; failing += 1) {
        await check(join(folder, `${failing}`), failing, point, code);
      }
    });
  }

  async function check(path: string, failing: number, point: Point, code: string): Promise<void> {
    const what = `write ${failing}`;
    const log = await failingLog(path, failing, point, code);
    const done = await run(log);
    if (done === steps.length) {
      assert.equal(point, "mark", `${what} did not fail`); // it was one without a mark
    } else {
      for (const later of [steps[0], steps[4]]) {
        await assert.rejects(later?.(log) ?? Promise.resolve(), (error) => {
          assert.ok(isClusterError(error, "INTERNAL"));
          return error.message.includes(`cannot write the raft log: ${code}`);
        });
      }
    }
    await log.close();
    // What is there after a restart: all of the steps that were done, and of the next one a part at most.
    const found = await loaded(path);
    const [least, most] = [await expected(done), await expected(done + 1)];
    assert.ok(found.last >= Math.min(least.last, most.last), `${what}: ends at ${found.last}`);
    assert.ok(found.commit >= least.commit, `${what}: commit ${found.commit}`);
    const known = new Set([...least.entries, ...most.entries]);
    for (const entry of found.entries) assert.ok(known.has(entry), `${what}: ${entry}`);
  }

  it("leaves no half snapshot", async () => {
    const store = await FileSnapshotStore.open(folder, { seal, log: silentLogger });
    const broken: AsyncIterable<Uint8Array> = (async function* () {
      yield Buffer.alloc(100_000);
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    })();
    await assert.rejects(store.save(snapshotInfo, broken), /ENOSPC/);
    assert.deepEqual(readdirSync(folder), []);
  });
});

describe("a manager whose disk is full", () => {
  it("stops leading at once when the log cannot be written, and another leads", async () => {
    const group = await RaftGroup.of(3);
    await group.until(() => group.leader() !== undefined);
    const leader = [1, 2, 3].find((id) => group.get(id) === group.leader()) ?? 0;
    const { node, disk } = group.get(leader);
    disk.failure = new Error("ENOSPC");
    await assert.rejects(group.settled(node.propose(Buffer.from("a"))), (error) =>
      isClusterError(error, "UNAVAILABLE"),
    );
    assert.equal(node.status().isLeader, false);
    assert.match((await node.failed).message, /restart the daemon/);
    await assert.rejects(node.readIndex(), /has stopped/);
    const others = [1, 2, 3].filter((id) => id !== leader);
    await group.until(() => others.some((id) => group.get(id).node.status().isLeader));
    await group.stop();
  });

  it("stops as well when a snapshot cannot be written", async () => {
    const group = await RaftGroup.of(1, { snapshotEntries: () => 5, keepEntries: 0 });
    const { node, disk } = group.get(1);
    disk.snapshots.save = async () => {
      throw new Error("ENOSPC");
    };
    let stopped = false;
    void node.failed.then(() => {
      stopped = true;
    });
    await group
      .settled(Promise.all(Array.from({ length: 10 }, (_, at) => group.propose(`p${at}`))))
      .catch(() => {});
    await group.until(() => stopped);
    assert.equal(node.status().isLeader, false);
    await group.stop();
  });
});

const snapshotInfo = {
  index: 5,
  term: 1,
  confState: { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  members: [],
};

function entries(from: number, to: number, term: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ({
    ...{ index: from + at, term, type: "normal" as const },
    data: Buffer.from(`${term}.${from + at}`),
  }));
}

function state(term: number, commit: number) {
  return { term, vote: 1, commit };
}

/** How many steps were done before one failed. */
async function run(log: LevelLog): Promise<number> {
  for (const [at, step] of steps.entries()) {
    try {
      await step(log);
    } catch {
      return at;
    }
  }
  return steps.length;
}

async function failingLog(
  path: string,
  failing: number,
  point: Point,
  code: string,
): Promise<LevelLog> {
  const { db, mark, contents } = await openLog(path, seal);
  let count = -1;
  const fail = (): never => {
    throw Object.assign(new Error(`${code}: injected`), { code });
  };
  return new LevelLog(
    {
      db: {
        async batch(operations, options) {
          count += 1;
          if (count === failing && point === "lost") fail();
          await db.batch(operations, options);
          if (count === failing && point === "kept") fail();
        },
        close: () => db.close(),
      },
      mark: {
        set(sequence) {
          if (count === failing && point === "mark") fail();
          mark.set(sequence);
        },
        close: () => mark.close(),
      },
      contents,
    },
    seal,
  );
}

async function writesOf(path: string): Promise<number> {
  const { db, mark, contents } = await openLog(path, seal);
  let count = 0;
  const counting = {
    async batch(...args: Parameters<LevelLogBatch>) {
      count += 1;
      await db.batch(...args);
    },
    close: () => db.close(),
  };
  const log = new LevelLog({ db: counting, mark, contents }, seal);
  assert.equal(await run(log), steps.length);
  await log.close();
  return count;
}

type LevelLogBatch = ConstructorParameters<typeof LevelLog>[0]["db"]["batch"];

interface Found {
  readonly last: number;
  readonly commit: number;
  readonly entries: string[];
}

async function loaded(path: string): Promise<Found> {
  const log = await LevelLog.open(path, { seal });
  const found = log.load();
  await log.close();
  return foundIn(found.truncated.index, found.entries, found.hardState.commit);
}

function foundIn(truncated: number, kept: readonly Entry[], commit: number): Found {
  const texts = kept.map(({ index, data }) => `${index}:${Buffer.from(data)}`);
  return { last: truncated + kept.length, commit, entries: texts };
}

const expectedAfter = new Map<number, Found>();

/** What a healthy log holds after so many steps. */
async function expected(count: number): Promise<Found> {
  const known = expectedAfter.get(count);
  if (known !== undefined) return known;
  const path = mkdtempSync(join(tmpdir(), "skep-healthy-"));
  try {
    const log = await LevelLog.open(path, { seal });
    for (const step of steps.slice(0, count)) await step(log);
    await log.close();
    const found = await loaded(path);
    expectedAfter.set(count, found);
    return found;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
