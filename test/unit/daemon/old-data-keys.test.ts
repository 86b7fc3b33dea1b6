import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../../src/base/assert.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemRandom } from "../../../src/base/random.ts";
import { KeyFile } from "../../../src/ca/key-file.ts";
import { newUnlockKey } from "../../../src/ca/unlock-key.ts";
import { KeyVault } from "../../../src/daemon/key-vault.ts";
import { openRaftDisk, type RaftDisk } from "../../../src/daemon/raft-disk.ts";
import { StateDir } from "../../../src/daemon/state-dir.ts";
import { CaFixture } from "../../support/ca-fixtures.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const owner = { nodeId: "node1", clusterId: "cluster1" };

describe("daemon: data keys of before", function () {
  this.timeout(60_000);
  let folder: string;
  let runs = 0;

  beforeEach(() => {
    folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "skep-old-keys-"));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A manager's disk, its log from the first entry. */
  class Disk {
    readonly dir: StateDir;
    readonly vault: KeyVault;
    #disk: RaftDisk | undefined;
    unlockKey = "";
    #version = 0;
    last = 0;
    first = 1;
    snapshot = 0;

    constructor(name: string) {
      this.dir = new StateDir(join(folder, name));
      const { certificates, raftLog } = this.dir;
      this.vault = new KeyVault({ certificates, raftLog }, systemRandom);
    }

    get disk(): RaftDisk {
      return must(this.#disk, "an open disk");
    }

    async create(): Promise<void> {
      await this.dir.prepare();
      await new KeyFile(this.dir.certificates).save(
        new CaFixture(1_800_000_000_000).identity("node1", "manager"),
      );
      await this.open();
    }

    async open(): Promise<void> {
      await this.vault.open(owner);
      if (this.vault.isLocked) await this.vault.unlock(this.unlockKey);
      this.#disk = await openRaftDisk(this.dir.raft, { vault: this.vault, log: silentLogger });
    }

    async rotate(): Promise<void> {
      this.unlockKey = newUnlockKey(systemRandom);
      this.#version += 1;
      await this.vault.setUnlockKey(this.unlockKey, this.#version);
    }

    async write(): Promise<void> {
      this.last += 1;
      const data = Buffer.from(`entry ${this.last}`);
      const entry = { index: this.last, term: 1, type: "normal" as const, data };
      const hardState = { term: 1, vote: 1, commit: this.last };
      await this.disk.storage.write({ entries: [entry], hardState, sync: true });
    }

    async save(): Promise<void> {
      this.snapshot = this.last;
      const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [] };
      const info = { index: this.last, term: 1, confState: { ...confState, autoLeave: false } };
      await this.disk.snapshots.save({ ...info, members: [] }, chunk(`state ${this.last}`));
      await this.disk.snapshots.prune(this.last, 2);
    }

    async compact(index: number): Promise<void> {
      this.first = Math.max(this.first, index + 1);
      await this.disk.storage.compact(index);
    }

    /** What a process finds that starts on the disk as it is at this moment. */
    async checkAfterCrash(): Promise<void> {
      runs += 1;
      const copy = new Disk(`crash-${runs}`);
      cpSync(this.dir.root, copy.dir.root, { recursive: true });
      copy.unlockKey = this.unlockKey;
      await copy.open();
      try {
        const { entries } = copy.disk.storage.load();
        const texts = entries.map(({ data }) => Buffer.from(data).toString());
        const count = this.last + 1 - this.first;
        const wanted = Array.from({ length: count }, (_, at) => `entry ${this.first + at}`);
        assert.deepEqual(texts, wanted);
        const [newest] = await copy.disk.snapshots.list();
        assert.equal(newest?.index ?? 0, this.snapshot);
        let state = "";
        if (newest !== undefined) {
          for await (const bytes of copy.disk.snapshots.read(newest)) state += bytes.toString();
          assert.equal(state, `state ${this.snapshot}`);
        }
      } finally {
        await copy.disk.storage.close();
        rmSync(copy.dir.root, { recursive: true });
      }
    }

    async keys(): Promise<number> {
      return (await this.vault.dataKeys()).keys.length;
    }
  }

  it("stay while the log has a record of theirs, and go with it, without a restart", async () => {
    const disk = new Disk("manager");
    await disk.create();
    for (let count = 0; count < 10; count += 1) await disk.write();
    await disk.save();
    await disk.rotate();
    for (let count = 0; count < 5; count += 1) await disk.write();
    await disk.compact(8);
    await disk.checkAfterCrash();
    assert.equal(await disk.keys(), 2, "entries 9 and 10 are sealed with the first");
    await disk.compact(12);
    await disk.checkAfterCrash();
    await disk.disk.storage.close(); // when it has looked
    assert.equal(await disk.keys(), 1);
    await disk.checkAfterCrash();
  });

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`never go too early, whatever happens in which order (seed ${seed})`, async () => {
      const random = seededRandom(seed).float;
      const disk = new Disk("manager");
      await disk.create();
      const background: Promise<void>[] = [];
      for (let step = 0; step < 60; step += 1) {
        const choice = random();
        if (choice < 0.55 || disk.last === 0) await disk.write();
        else if (choice < 0.65) background.push(disk.rotate());
        else if (choice < 0.75) await disk.save();
        else if (choice < 0.9) await disk.compact(Math.floor(random() * (disk.snapshot + 1)));
        else {
          await Promise.all(background.splice(0));
          await disk.checkAfterCrash();
        }
      }
      await Promise.all(background);
      await disk.disk.storage.close();
      await disk.checkAfterCrash();
    });
  }
});

async function* chunk(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text);
}
