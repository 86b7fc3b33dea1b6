import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { type StoreEvent, versionOf } from "../../../src/store/objects.ts";
import { aNode, aServiceSpec, aTask } from "../../support/builders.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

const hasCode = (code: string) => (error: unknown) => isClusterError(error) && error.code === code;

describe("store", () => {
  it("commits what a transaction changed as one entry, with versions and times", async () => {
    const { store, proposer, clock } = createMemoryStore();
    await store.update((tx) => {
      tx.create("service", { id: "s1", spec: aServiceSpec() });
      tx.create("task", { id: "t1", serviceId: "s1", slot: 1 });
      assert.equal(tx.byName("service", "WEB")?.id, "s1");
      assert.equal(tx.tasksOfSlot("s1", 1).length, 1);
    });
    assert.equal(proposer.proposals, 1);
    const service = store.view().get("service", "s1");
    assert.ok(service && Object.isFrozen(service.spec?.task?.container));
    assert.equal(versionOf(service), 1);
    assert.deepEqual(service.specVersion, { index: 1 });
    assert.equal(service.meta?.createdAt?.seconds, clock.now() / 1000);
  });

  it("proposes nothing when nothing changed, and gives the change's result", async () => {
    const { store, proposer } = createMemoryStore();
    assert.equal(await store.update(() => 7), 7);
    await store.update((tx) => {
      tx.create("node", aNode());
      tx.remove("node", "node1");
    });
    assert.equal(proposer.proposals, 0);
  });

  it("refuses what cannot be", async () => {
    const { store, seed } = createMemoryStore();
    seed("service", { id: "s1", spec: aServiceSpec() });
    const stale = aTask({ id: "t1", meta: { version: { index: 0 } } });
    seed("task", stale);
    const cases: { code: string; change: Parameters<typeof store.update>[0] }[] = [
      { code: "ALREADY_EXISTS", change: (tx) => tx.create("service", { id: "s1" }) },
      {
        code: "ALREADY_EXISTS",
        change: (tx) =>
          tx.create("service", { id: "s2", spec: aServiceSpec({ annotations: { name: "Web" } }) }),
      },
      { code: "INVALID_ARGUMENT", change: (tx) => tx.create("task", {}) },
      { code: "NOT_FOUND", change: (tx) => tx.remove("task", "nobody") },
      { code: "NOT_FOUND", change: (tx) => tx.update("task", aTask({ id: "nobody" })) },
      { code: "OUT_OF_DATE", change: (tx) => tx.update("task", stale) },
    ];
    for (const { code, change } of cases) {
      await assert.rejects(store.update(change), hasCode(code));
    }
  });

  it("does a change again when another entry came first", async () => {
    const { store, seed } = createMemoryStore();
    seed("task", aTask({ id: "t1", slot: 0 }));
    const raise = () =>
      store.update((tx) => {
        const task = tx.get("task", "t1");
        assert.ok(task);
        tx.update("task", { ...task, slot: task.slot + 1 });
      });
    await Promise.all(Array.from({ length: 20 }, raise));
    assert.equal(store.view().get("task", "t1")?.slot, 20);
  });

  it("lets only one of two take a name", async () => {
    const { store } = createMemoryStore();
    const take = (id: string) =>
      store.update((tx) => tx.create("service", { id, spec: aServiceSpec() }));
    const results = await Promise.allSettled([take("a"), take("b")]);
    assert.deepEqual(
      results.map((result) => result.status),
      ["fulfilled", "rejected"],
    );
    assert.equal(store.view().byName("service", "web")?.id, "a");
  });

  it("passes on what the proposer refuses", async () => {
    const { store, proposer } = createMemoryStore();
    proposer.refusal = new Error("no quorum");
    await assert.rejects(
      store.update((tx) => tx.create("node", aNode())),
      /no quorum/,
    );
    assert.equal(store.view().count("node"), 0);
  });

  it("groups a batch into entries of 50 objects or 1 MiB", async () => {
    const { store, proposer } = createMemoryStore();
    const tasks = Array.from({ length: 450 }, (_, index) => aTask({ id: `t${index}` }));
    await store.batch(tasks.map((task) => (tx) => tx.create("task", task)));
    assert.equal(proposer.proposals, 9);
    assert.equal(store.view().tasksOfService("service1").length, 450);
    const data = Buffer.alloc(400_000);
    await store.batch(
      [1, 2, 3, 4].map(
        (id) => (tx) =>
          tx.create("config", { id: `c${id}`, spec: { annotations: { name: `c${id}` }, data } }),
      ),
    );
    assert.equal(proposer.proposals, 11);
  });

  it("tells subscribers of each entry, with the object before", async () => {
    const { store, seed } = createMemoryStore();
    seed("node", aNode());
    const heard: StoreEvent[] = [];
    const stop = store.subscribe((events) => heard.push(...events));
    await store.update((tx) => {
      const node = tx.get("node", "node1");
      assert.ok(node);
      tx.update("node", { ...node, role: "MANAGER" });
    });
    await store.update((tx) => tx.remove("node", "node1"));
    stop();
    await store.update((tx) => tx.create("node", aNode()));
    assert.deepEqual(
      heard.map(({ kind, object, previous }) => [kind, object.id, previous !== undefined]),
      [
        ["update", "node1", true],
        ["remove", "node1", true],
      ],
    );
  });

  it("survives a listener that throws", async () => {
    const { store } = createMemoryStore();
    let heard = 0;
    store.subscribe(() => {
      throw new Error("broken");
    });
    store.subscribe(() => {
      heard += 1;
    });
    await store.update((tx) => tx.create("node", aNode()));
    assert.equal(heard, 1);
  });

  it("lets two objects exchange names within one entry", async () => {
    const { store, seed } = createMemoryStore();
    seed(
      "service",
      { id: "a", spec: aServiceSpec({ annotations: { name: "one" } }) },
      { id: "b", spec: aServiceSpec({ annotations: { name: "two" } }) },
    );
    const names: [string, string][] = [
      ["a", "three"],
      ["b", "one"],
      ["a", "two"],
    ];
    await store.update((tx) => {
      for (const [id, name] of names) {
        const service = tx.get("service", id);
        assert.ok(service);
        tx.update("service", { ...service, spec: aServiceSpec({ annotations: { name } }) });
      }
    });
    assert.equal(store.view().byName("service", "one")?.id, "b");
    assert.equal(store.view().byName("service", "two")?.id, "a");
    assert.equal(store.view().byName("service", "three"), undefined);
  });
});
