import assert from "node:assert/strict";
import { ClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { ReconcileLoop, type Reconciler } from "../../../src/store/reconcile-loop.ts";
import { aServiceSpec, aTask } from "../../support/builders.ts";
import { createMemoryStore, type MemoryStore } from "../../support/memory-proposer.ts";
import { seededRandom } from "../../support/seeded-random.ts";

/** Keeps as many tasks as a service has replicas. */
function filler(decisions: string[] = []): Reconciler {
  return {
    name: "filler",
    keysOf: (event) =>
      event.table === "service"
        ? [event.object.id]
        : event.table === "task"
          ? [event.object.serviceId]
          : [],
    allKeys: (view) => Array.from(view.all("service"), (service) => service.id),
    reconcile(view, key, context) {
      decisions.push(key);
      const wanted = view.get("service", key)?.spec?.replicated?.replicas ?? 0;
      const missing = Math.max(0, wanted - view.tasksOfService(key).length);
      return {
        changes: Array.from({ length: missing }, () => (tx) => {
          tx.create("task", { id: context.newId(), serviceId: key });
        }),
      };
    },
  };
}

function startLoop(made: MemoryStore, reconciler: Reconciler): ReconcileLoop {
  const { store, clock } = made;
  const loop = new ReconcileLoop(reconciler, {
    store,
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
  loop.start();
  return loop;
}

const service = (id: string, replicas: number) => ({
  id,
  spec: aServiceSpec({ annotations: { name: id }, replicated: { replicas } }),
});

describe("reconcile loop", () => {
  it("decides every key at the start and what changes later, then rests", async () => {
    const made = createMemoryStore();
    made.seed("service", service("a", 2));
    const loop = startLoop(made, filler());
    await made.clock.run(10);
    made.seed("service", service("b", 3));
    await made.clock.run(10);
    const view = made.store.view();
    assert.deepEqual([view.tasksOfService("a").length, view.tasksOfService("b").length], [2, 3]);
    assert.equal(made.clock.pending, 0);
    await loop.stop();
    made.seed("service", service("c", 1));
    await made.clock.run(10);
    assert.equal(made.store.view().tasksOfService("c").length, 0);
  });

  it("commits many keys in one entry, and big keys in several", async () => {
    const made = createMemoryStore();
    made.seed("service", ...Array.from({ length: 25 }, (_, index) => service(`s${index}`, 2)));
    const loop = startLoop(made, filler());
    await made.clock.run(10);
    assert.equal(made.proposer.proposals, 1);
    made.seed("service", service("big", 450));
    await made.clock.run(10);
    assert.equal(made.proposer.proposals, 10);
    assert.equal(made.store.view().tasksOfService("big").length, 450);
    await loop.stop();
  });

  it("lets a key see what was decided for the keys before it", async () => {
    const made = createMemoryStore();
    made.seed("service", service("a", 1), service("b", 1));
    const slots: number[] = [];
    const loop = startLoop(made, {
      ...filler(),
      reconcile(view, key) {
        if (view.tasksOfService(key).length > 0) return { changes: [] };
        const slot = view.count("task");
        slots.push(slot);
        return { changes: [(tx) => tx.create("task", { id: `t${slot}`, serviceId: key, slot })] };
      },
    });
    await made.clock.run(10);
    assert.deepEqual(slots, [0, 1]);
    await loop.stop();
  });

  it("decides again when another writer came first", async () => {
    const made = createMemoryStore();
    made.seed("task", aTask({ id: "t1", slot: 0 }));
    let interfere = 2;
    const loop = startLoop(made, {
      name: "raiser",
      keysOf: () => [],
      allKeys: () => ["t1"],
      reconcile(view, key) {
        const task = view.get("task", key);
        if (task === undefined) return { changes: [] };
        if (interfere > 0) {
          interfere -= 1;
          void made.store.update((tx) => {
            const now = tx.get("task", key);
            if (now) tx.update("task", { ...now, slot: now.slot + 1 });
          });
        }
        return { changes: [(tx) => tx.update("task", { ...task, nodeId: `saw${task.slot}` })] };
      },
    });
    await made.clock.run(100);
    const task = made.store.view().get("task", "t1");
    assert.deepEqual([task?.slot, task?.nodeId], [2, "saw2"]);
    await loop.stop();
  });

  it("wakes a key at the time it asked for, once", async () => {
    const made = createMemoryStore();
    const times: number[] = [];
    const startMs = made.clock.now();
    const loop = startLoop(made, {
      name: "sleeper",
      keysOf: () => [],
      allKeys: () => ["k"],
      reconcile(_view, _key, { nowMs }) {
        times.push(nowMs - startMs);
        return times.length < 3 ? { changes: [], wakeAtMs: nowMs + 1000 } : { changes: [] };
      },
    });
    await made.clock.run(10_000);
    assert.deepEqual(times, [0, 1000, 2000]);
    await loop.stop();
  });

  it("goes on with the other keys when one fails, and tries that one later", async () => {
    const made = createMemoryStore();
    let failures = 0;
    const plain = filler();
    const loop = startLoop(made, {
      ...plain,
      reconcile(view, key, context) {
        if (key === "bad" && failures < 3) {
          failures += 1;
          throw new Error("broken");
        }
        return plain.reconcile(view, key, context);
      },
    });
    made.seed("service", service("a", 1), service("bad", 1), service("c", 1));
    await made.clock.run(20);
    assert.equal(made.store.view().count("task"), 2);
    await made.clock.run(5_000);
    assert.equal(made.store.view().count("task"), 3);
    await loop.stop();
  });

  it("waits and tries again when nothing can be committed", async () => {
    const made = createMemoryStore();
    made.proposer.refusal = new ClusterError("UNAVAILABLE", "no quorum");
    made.seed("service", service("a", 1));
    const decisions: string[] = [];
    const loop = startLoop(made, filler(decisions));
    await made.clock.run(1_000);
    assert.ok(decisions.length > 1 && decisions.length < 12, `${decisions.length} tries`);
    made.proposer.refusal = undefined;
    await made.clock.run(5_000);
    assert.equal(made.store.view().count("task"), 1);
    await loop.stop();
  });
});
