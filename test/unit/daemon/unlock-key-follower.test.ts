import assert from "node:assert/strict";
import { must } from "../../../src/base/assert.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { UnlockKeyFollower } from "../../../src/daemon/unlock-key-follower.ts";
import { currentUnlockKey } from "../../../src/manager/unlock-key.ts";
import { aCluster } from "../../support/builders.ts";
import { settle } from "../../support/fake-clock.ts";
import { createMemoryStore, type MemoryStore } from "../../support/memory-proposer.ts";
import { seededRandom } from "../../support/seeded-random.ts";

describe("daemon: the lock of the keys follows the cluster", () => {
  let memory: MemoryStore;
  let follower: UnlockKeyFollower;
  let failures: number;
  /** What the vault was told, and took. */
  let taken: string[];

  beforeEach(async () => {
    memory = createMemoryStore();
    await memory.seed("cluster", aCluster({ unlockKey: "first" }));
    failures = 0;
    taken = [];
    const vault = {
      async setUnlockKey(key: string, version: number): Promise<void> {
        assert.ok(version > 0);
        if (failures > 0) {
          failures -= 1;
          throw new Error("ENOSPC");
        }
        taken.push(key);
      },
    };
    const { store, clock } = memory;
    follower = new UnlockKeyFollower({
      ...{ store, vault, clock },
      ...{ random: seededRandom(1), log: silentLogger },
    });
  });

  afterEach(() => follower.stop());

  async function change(unlockKey: string): Promise<void> {
    await memory.store.update((tx) => {
      tx.update("cluster", { ...must(tx.cluster(), "the cluster"), unlockKey });
    });
    await settle();
  }

  it("takes what is there at the start, and each change after", async () => {
    follower.start();
    await settle();
    await change("second");
    await change("");
    assert.deepEqual(taken, ["first", "second", ""]);
  });

  it("tries again while the disk is full, and takes only the newest then", async () => {
    failures = 2;
    follower.start();
    await settle();
    await change("second");
    assert.deepEqual(taken, []);
    await memory.clock.run(30_000);
    assert.deepEqual(taken, ["second"]);
  });

  it("ends while it waits", async () => {
    failures = Number.POSITIVE_INFINITY;
    follower.start();
    await settle();
    await follower.stop();
    assert.deepEqual(taken, []);
  });
});

describe("manager: the unlock key of now", () => {
  it("waits until this manager knows what the leader knows", async () => {
    const memory = createMemoryStore();
    await memory.seed("cluster", aCluster({ unlockKey: "old" }));
    const own = must(memory.store.view().cluster(), "the cluster");
    const version = own.meta?.version?.index ?? 0;
    const leaders = {
      ...own,
      unlockKey: "",
      meta: { ...own.meta, version: { index: version + 1 } },
    };
    const ask = (cluster: object) =>
      currentUnlockKey({
        store: memory.store,
        control: {
          getCluster: async () => ({ cluster, appliedIndex: 0, wantedTlsInfo: null }),
        } as never,
        clock: memory.clock,
      });
    assert.equal(await ask(own), "old");
    const waiting = ask(leaders);
    await settle();
    await memory.store.update((tx) => tx.update("cluster", { ...own, unlockKey: "new" }));
    await memory.clock.run(1_000);
    assert.equal(await waiting, "new");
    const behind = ask({ ...own, meta: { ...own.meta, version: { index: version + 99 } } });
    const refused = assert.rejects(behind, /behind the leader/);
    await memory.clock.run(6_000);
    await refused;
  });
});
