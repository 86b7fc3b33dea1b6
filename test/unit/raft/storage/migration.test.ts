import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../../../src/base/assert.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { systemRandom } from "../../../../src/base/random.ts";
import { DataKeys, newDataKey } from "../../../../src/raft/storage/data-keys.ts";
import { FileSnapshotStore } from "../../../../src/raft/storage/file-snapshot-store.ts";
import { LevelLog } from "../../../../src/raft/storage/level-log.ts";
import type { Seal } from "../../../../src/raft/storage/seal.ts";
import { writeRaftFolderOfFormat1 } from "../../../support/raft-v1-folder.ts";

describe("raft's files of the first format", () => {
  let folder: string;
  let keys: DataKeys;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-raft-v1-"));
    writeRaftFolderOfFormat1(folder);
    keys = DataKeys.create(systemRandom);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function read(seal: Seal = keys) {
    const log = await LevelLog.open(join(folder, "log"), { seal });
    const { hardState, truncated, entries } = log.load();
    await log.close();
    const snapshots = await FileSnapshotStore.open(join(folder, "snapshots"), {
      seal,
      log: silentLogger,
    });
    const [snapshot] = await snapshots.list();
    assert.ok(snapshot !== undefined);
    const parts: Uint8Array[] = [];
    for await (const part of snapshots.read(snapshot)) parts.push(part);
    return {
      hardState,
      truncated,
      entries: entries.map(({ term, type, data }) => `${term} ${type} ${Buffer.from(data)}`),
      snapshot: `${snapshot.index}: ${Buffer.concat(parts)}`,
    };
  }

  const normal = (term: number, index: number): string => `${term} normal secret ${term}.${index}`;
  const want = {
    hardState: { term: 3, vote: 8, commit: 32 },
    truncated: { index: 12, term: 1 },
    entries: [
      ...Array.from({ length: 18 }, (_, at) => normal(1, 13 + at)),
      ...[normal(2, 31), normal(2, 32), normal(3, 33)],
    ],
    snapshot: "12: secret state up to entry 12",
  };

  it("are sealed at open, say the same, and nothing of them stays in the clear", async () => {
    assert.match(everyFile(folder), /secret/);
    assert.deepEqual(await read(), want);
    assert.doesNotMatch(everyFile(folder), /secret/);
    assert.deepEqual(await read(), want);
    await assert.rejects(read(DataKeys.create(systemRandom)), /not among this manager's keys/);
  });

  it("go on being written", async () => {
    const log = await LevelLog.open(join(folder, "log"), { seal: keys });
    log.load();
    const entry = { index: 33, term: 4, type: "normal" as const, data: Buffer.from("new") };
    await log.write({ entries: [entry], sync: true });
    await log.compact(20);
    await log.close();
    const { entries, truncated } = await read();
    assert.deepEqual(truncated, { index: 20, term: 1 });
    assert.deepEqual(entries, [...want.entries.slice(8, 20), "4 normal new"]);
  });

  it("are sealed with the newest key when that changes, so that the old one can go", async () => {
    assert.deepEqual(await read(), want);
    keys.add(newDataKey(systemRandom));
    assert.deepEqual(await read(), want);
    keys.forgetBefore(must(keys.keys.at(-1), "a key").id);
    assert.equal(keys.keys.length, 1);
    assert.deepEqual(await read(), want);
  });

  it("can be interrupted between the records that are sealed anew", async () => {
    const path = join(folder, "big");
    const count = 30;
    const log = await LevelLog.open(path, { seal: keys });
    for (let index = 1; index <= count; index += 1) {
      const data = Buffer.alloc(30_000, index);
      const hardState = { term: 1, vote: 1, commit: index };
      await log.write({
        entries: [{ index, term: 1, type: "normal", data }],
        hardState,
        sync: true,
      });
    }
    await log.compact(3);
    await log.close();
    keys.add(newDataKey(systemRandom));
    let crashes = 0;
    for (let records = 0; ; records += 1) {
      try {
        const opened = await LevelLog.open(path, { seal: failingAfter(records, keys) });
        await opened.close();
        break;
      } catch (error) {
        assert.match(String(error), /crash/);
        crashes += 1;
      }
    }
    assert.ok(crashes >= 5, `${crashes} crashes`);
    keys.forgetBefore(must(keys.keys.at(-1), "a key").id);
    const opened = await LevelLog.open(path, { seal: keys });
    const { entries, truncated } = opened.load();
    await opened.close();
    assert.equal(truncated.index, 3);
    assert.deepEqual(
      entries.map(({ index, data }) => [index, data[0], data.length]),
      Array.from({ length: count - 3 }, (_, at) => [at + 4, at + 4, 30_000]),
    );
  });

  it("can be interrupted while they are sealed", async () => {
    // A seal that fails after so many records stands for a crash there.
    for (let records = 0; records < 4; records += 1) {
      const copy = `${folder}-${records}`;
      cpSync(folder, copy, { recursive: true });
      try {
        const failing = failingAfter(records, keys);
        const path = join(copy, "log");
        if (records < 3) await assert.rejects(LevelLog.open(path, { seal: failing }), /crash/);
        const log = await LevelLog.open(path, { seal: keys });
        assert.equal(log.load().entries.length, want.entries.length, `after ${records}`);
        await log.close();
      } finally {
        rmSync(copy, { recursive: true, force: true });
      }
    }
  });
});

/** A seal that fails after so many records: it stands for a crash there. */
function failingAfter(records: number, keys: DataKeys): Seal {
  let left = records;
  return {
    seal(plain, context) {
      left -= 1;
      if (left < 0) throw new Error("crash");
      return keys.seal(plain, context);
    },
    open: (sealed, context) => keys.open(sealed, context),
    isCurrent: (sealed) => keys.isCurrent(sealed),
  };
}

function everyFile(folder: string): string {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "latin1"))
    .join("\n");
}
