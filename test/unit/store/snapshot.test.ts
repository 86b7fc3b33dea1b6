import assert from "node:assert/strict";
import { tableNames } from "../../../src/store/objects.ts";
import type { Store } from "../../../src/store/store.ts";
import { aCluster, aNetwork, aNode, aService, aTask } from "../../support/builders.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    assert.ok(chunk.length <= 1024 * 1024);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function contents(store: Store): object {
  const view = store.view();
  return Object.fromEntries(
    tableNames.map((table) => [table, Array.from(view.all(table), (object) => object)]),
  );
}

function filled(): ReturnType<typeof createMemoryStore> {
  const made = createMemoryStore();
  made.seed("cluster", aCluster());
  made.seed("node", aNode());
  made.seed("network", aNetwork());
  made.seed("service", aService());
  made.seed("secret", {
    id: "x1",
    spec: { annotations: { name: "x" }, data: Buffer.from([0, 255]) },
  });
  made.seed("config", {
    id: "c1",
    spec: { annotations: { name: "c" }, data: Buffer.alloc(1_000_000, 7) },
  });
  made.seed("task", ...Array.from({ length: 2000 }, (_, index) => aTask({ id: `t${index}` })));
  return made;
}

describe("snapshots", () => {
  for (const size of [7919, 1_000_000, 50_000_000]) {
    it(`bring the state over, however the bytes are cut (${size})`, async () => {
      const { store } = filled();
      const bytes = await collect(store.stateMachine.snapshot());
      const other = createMemoryStore().store;
      await other.stateMachine.restore(cut(bytes, size));
      assert.deepEqual(contents(other), contents(store));
      assert.equal(other.view().index, store.view().index);
      assert.equal(other.view().byName("service", "web")?.id, "service1");
      assert.equal(other.view().tasksOfNode("node1").length, 2000);
      assert.ok(Object.isFrozen(other.view().get("task", "t1")?.spec));
    });
  }

  it("show the moment of the call, though changes go on", async () => {
    const { store } = filled();
    const before = contents(store);
    const chunks = store.stateMachine.snapshot();
    await store.update((tx) => {
      tx.remove("task", "t1999");
      tx.create("node", aNode({ id: "node2" }));
    });
    const bytes = await collect(chunks);
    const other = createMemoryStore().store;
    await other.stateMachine.restore(cut(bytes, 65536));
    assert.deepEqual(contents(other), before);
  });

  it("tell subscribers of a reset and then of every object, giving other work a turn between portions", async () => {
    const { store } = filled();
    const bytes = await collect(store.stateMachine.snapshot());
    const other = createMemoryStore().store;
    const heard: string[] = [];
    other.onReset(() => heard.push("reset"));
    const told: string[] = [];
    const seen: number[] = [];
    other.subscribe((events) => {
      seen.push(other.view().count("task"));
      heard.push(`${events.length}`);
      for (const { table, kind, object } of events) told.push(`${kind} ${table} ${object.id}`);
      setImmediate(() => heard.push("another's turn"));
    });
    await other.stateMachine.restore(cut(bytes, 65536));
    const portions = ["500", "500", "500", "500", "6"].flatMap((size) => [size, "another's turn"]);
    assert.deepEqual(heard, ["reset", ...portions]);
    assert.deepEqual(seen, [2000, 2000, 2000, 2000, 2000]); // who looks sees all from the first on
    const all = tableNames.flatMap((table) =>
      [...store.view().all(table)].map(({ id }) => `create ${table} ${id}`),
    );
    assert.deepEqual(told, all);
  });

  it("leave the old state when they are cut short or damaged", async () => {
    const { store } = filled();
    const bytes = await collect(store.stateMachine.snapshot());
    const damaged = Buffer.from(bytes);
    damaged.fill(255, 40, 200);
    for (const bad of [bytes.subarray(0, -4), Buffer.alloc(0), damaged]) {
      const { store: other, seed } = createMemoryStore();
      seed("node", aNode());
      await assert.rejects(other.stateMachine.restore(cut(bad, 65536)), { code: "DATA_LOSS" });
      assert.equal(other.view().count("node"), 1);
    }
  });
});
