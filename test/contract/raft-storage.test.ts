import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "../../src/base/random.ts";
import type { Entry } from "../../src/raft/core/types.ts";
import { DataKeys } from "../../src/raft/storage/data-keys.ts";
import { LevelLog } from "../../src/raft/storage/level-log.ts";
import type { RaftStorage } from "../../src/raft/storage/raft-storage.ts";
import { MemoryDisk } from "../support/raft-memory-disk.ts";

interface Subject {
  open(): Promise<RaftStorage>;
  remove(): Promise<void>;
}

const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  async memory() {
    const disk = new MemoryDisk();
    return { open: async () => disk.open(), remove: async () => {} };
  },
  async level() {
    const folder = await mkdtemp(join(tmpdir(), "skep-level-log-"));
    const seal = DataKeys.create(systemRandom);
    return {
      open: () => LevelLog.open(folder, { seal }),
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  },
};

export function entry(index: number, term: number, text = `${term}.${index}`): Entry {
  return { index, term, type: "normal", data: Buffer.from(text) };
}

function entries(from: number, to: number, term: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));
}

for (const [name, create] of Object.entries(subjects)) {
  describe(`raft storage: ${name}`, () => {
    let subject: Subject;
    let log: RaftStorage;

    beforeEach(async () => {
      subject = await create();
      log = await subject.open();
    });

    afterEach(async () => {
      await log.close();
      await subject.remove();
    });

    async function reopened(): Promise<{
      hardState: object;
      truncated: object;
      entries: string[];
    }> {
      await log.close();
      log = await subject.open();
      const { hardState, truncated, entries: kept } = log.load();
      const text = kept.map(({ index, term, data }) => `${index}:${term}:${Buffer.from(data)}`);
      return { hardState, truncated, entries: text };
    }

    it("is empty at first", () => {
      assert.deepEqual(log.load(), {
        hardState: { term: 0, vote: 0, commit: 0 },
        truncated: { index: 0, term: 0 },
        entries: [],
      });
    });

    it("keeps entries and hard state", async () => {
      const hardState = { term: 3, vote: 2, commit: 1 };
      await log.write({ entries: entries(1, 2, 3), hardState, sync: true });
      await log.write({ entries: [entry(3, 3, "")], sync: true });
      assert.deepEqual(await reopened(), {
        hardState,
        truncated: { index: 0, term: 0 },
        entries: ["1:3:3.1", "2:3:3.2", "3:3:"],
      });
    });

    it("replaces a conflicting tail, and drops what was behind it", async () => {
      await log.write({ entries: entries(1, 600, 1), sync: true });
      await log.write({ entries: [entry(3, 2)], sync: true });
      assert.deepEqual((await reopened()).entries, ["1:1:1.1", "2:1:1.2", "3:2:2.3"]);
      await log.write({ entries: [entry(4, 2)], sync: true });
      assert.equal((await reopened()).entries.length, 4);
    });

    it("compacts, and goes on", async () => {
      const hardState = { term: 1, vote: 1, commit: 1_200 };
      await log.write({ entries: entries(1, 1_200, 1), hardState, sync: true });
      await log.compact(1_198);
      await log.compact(5);
      await log.write({ entries: [entry(1_201, 2)], sync: true });
      const want = {
        hardState,
        truncated: { index: 1_198, term: 1 },
        entries: ["1199:1:1.1199", "1200:1:1.1200", "1201:2:2.1201"],
      };
      assert.deepEqual(await reopened(), want);
      assert.deepEqual(await reopened(), want);
    });

    it("compacts everything", async () => {
      await log.write({ entries: entries(1, 3, 1), sync: true });
      await log.compact(3);
      await log.write({ entries: [entry(4, 1)], sync: true });
      assert.deepEqual((await reopened()).entries, ["4:1:1.4"]);
    });

    it("restarts after an installed snapshot, with the entries that came along", async () => {
      await log.write({ entries: entries(1, 5, 1), sync: true });
      const hardState = { term: 4, vote: 0, commit: 100 };
      const restart = { index: 100, term: 4 };
      await log.write({ restart, hardState, entries: [entry(101, 4)], sync: true });
      const want = { hardState, truncated: restart, entries: ["101:4:4.101"] };
      assert.deepEqual(await reopened(), want);
    });

    it("keeps an unsynced commit index over an orderly stop", async () => {
      await log.write({ entries: entries(1, 2, 1), sync: true });
      const hardState = { term: 1, vote: 0, commit: 2 };
      await log.write({ entries: [], hardState, sync: false });
      assert.deepEqual((await reopened()).hardState, hardState);
    });

    it("refuses a gap and overlapping writes", async () => {
      await assert.rejects(log.write({ entries: [entry(2, 1)], sync: true }), /does not continue/);
      const first = log.write({ entries: [entry(1, 1)], sync: true });
      await assert.rejects(
        log.write({ entries: [entry(2, 1)], sync: true }),
        /one write at a time/,
      );
      await first;
    });
  });
}
