import assert from "node:assert/strict";
import { systemRandom } from "../../../../src/base/random.ts";
import { type BackupMetadata, readBackup, writeBackup } from "../../../../src/manager/backup.ts";
import { sealBackup } from "../../../../src/manager/backup-file.ts";
import { newBackupKey } from "../../../../src/manager/backup-key.ts";
import { aNode, aService, aTask } from "../../../support/builders.ts";
import { createMemoryStore } from "../../../support/memory-proposer.ts";

const key = newBackupKey(systemRandom);
const metadata: BackupMetadata = {
  contentVersion: 1,
  clusterId: "c1",
  nodeId: "m1",
  index: 5,
  createdAt: "2026-01-02T03:04:05.000Z",
  skepVersion: "9.9.9",
};

function filledStore() {
  const memory = createMemoryStore();
  memory.seed("cluster", { id: "c1", rootCa: { caKey: Buffer.from("the key") }, unlockKey: "u" });
  memory.seed("node", aNode({ id: "m1" }), aNode({ id: "w1" }));
  memory.seed("service", aService());
  memory.seed("task", ...Array.from({ length: 500 }, (_, at) => aTask({ id: `task${at}` })));
  const spec = { annotations: { name: "s" }, data: Buffer.alloc(3000, 1) };
  memory.seed("secret", { id: "s1", spec });
  return memory;
}

async function* contentOf(meta: object, ...rest: readonly Uint8Array[]) {
  const text = Buffer.from(JSON.stringify(meta));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(text.length);
  yield Buffer.concat([head, text]);
  yield* rest;
}

describe("recovery: backups of the state", () => {
  it("brings back every object, with its version, as of the moment it was asked for", async () => {
    const { store, seed } = filledStore();
    const file = writeBackup(store.stateMachine, metadata, key, systemRandom);
    const before = new Map(
      (["cluster", "node", "service", "task", "secret"] as const).map((table) => [
        table,
        [...store.view().all(table)],
      ]),
    );
    const index = store.view().index;
    seed("node", aNode({ id: "late" }));
    const read = await readBackup(file, key);
    assert.deepEqual(read.metadata, metadata);
    assert.equal(read.index, index);
    assert.deepEqual(read.nodes, before.get("node"));
    const { store: restored } = createMemoryStore();
    await restored.stateMachine.restore(read.snapshot);
    assert.equal(restored.view().index, index);
    assert.equal(read.cluster.unlockKey, "u");
    for (const [table, objects] of before) {
      assert.deepEqual([...restored.view().all(table)], objects, table);
    }
  });

  it("refuses content that it does not know", async () => {
    const { store } = filledStore();
    const snapshot: Uint8Array[] = [];
    for await (const chunk of store.stateMachine.snapshot()) snapshot.push(chunk);
    const cases: { name: string; chunks: AsyncIterable<Uint8Array>; want: RegExp }[] = [
      {
        name: "a later content",
        chunks: contentOf({ ...metadata, contentVersion: 2 }, ...snapshot),
        want: /was made by skep 9\.9\.9 and this version cannot read it/,
      },
      {
        name: "another cluster than it says",
        chunks: contentOf({ ...metadata, clusterId: "c2" }, ...snapshot),
        want: /it has no cluster c2/,
      },
      {
        name: "a state without its end",
        chunks: contentOf(metadata, ...snapshot.slice(0, -1)),
        want: /cut short/,
      },
      {
        name: "something after the state",
        chunks: contentOf(metadata, ...snapshot, Buffer.from("more")),
        want: /there is more after the state's end/,
      },
      { name: "nothing", chunks: contentOf({}), want: /cannot read it|cannot be used/ },
    ];
    for (const { name, chunks, want } of cases) {
      const file = sealBackup(chunks, key, systemRandom);
      const whole = async (): Promise<void> => {
        const { snapshot } = await readBackup(file, key);
        for await (const _ of snapshot);
      };
      await assert.rejects(whole(), { message: want }, name);
    }
  });

  it("reads no more of the file than it was asked for", async () => {
    const { store } = filledStore();
    let taken = 0;
    async function* counted() {
      for await (const chunk of writeBackup(store.stateMachine, metadata, key, systemRandom)) {
        taken += 1;
        yield chunk;
      }
    }
    const { snapshot, cluster } = await readBackup(counted(), key);
    assert.equal(cluster.id, "c1");
    const head = taken;
    for await (const _ of snapshot);
    assert.ok(head < taken, `${head} of ${taken} pieces`);
  });
});
