import assert from "node:assert/strict";
import fc from "fast-check";
import { isClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Store } from "../../../src/store/store.ts";
import type { StoreView, Transaction } from "../../../src/store/store-view.ts";
import { aServiceSpec } from "../../support/builders.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

// Random transactions on a store and on a naive one (a map that is copied and scanned) must come to the same.

type Step =
  | { kind: "createTask"; id: string; service: string; node: string; slot: number }
  | { kind: "moveTask"; id: string; service: string; node: string; slot: number }
  | { kind: "removeTask"; id: string }
  | { kind: "createService"; id: string; name: string }
  | { kind: "renameService"; id: string; name: string }
  | { kind: "removeService"; id: string };

interface Naive {
  tasks: Map<string, { service: string; node: string; slot: number }>;
  services: Map<string, string>;
}

const taskId = fc.constantFrom("t1", "t2", "t3", "t4");
const serviceId = fc.constantFrom("s1", "s2", "s3");
const place = { service: serviceId, node: fc.constantFrom("", "n1", "n2"), slot: fc.nat(2) };
const name = fc.constantFrom("a", "A", "b", "c");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("createTask" as const), id: taskId, ...place }),
  fc.record({ kind: fc.constant("moveTask" as const), id: taskId, ...place }),
  fc.record({ kind: fc.constant("removeTask" as const), id: taskId }),
  fc.record({ kind: fc.constant("createService" as const), id: serviceId, name }),
  fc.record({ kind: fc.constant("renameService" as const), id: serviceId, name }),
  fc.record({ kind: fc.constant("removeService" as const), id: serviceId }),
);

/** The code of the refusal, or "ok". */
function onNaive(state: Naive, one: Step): string {
  const taken = (id: string, wanted: string) =>
    [...state.services].some(
      ([other, held]) => other !== id && held.toLowerCase() === wanted.toLowerCase(),
    );
  switch (one.kind) {
    case "createTask":
    case "moveTask": {
      if (state.tasks.has(one.id) !== (one.kind === "moveTask")) {
        return one.kind === "moveTask" ? "NOT_FOUND" : "ALREADY_EXISTS";
      }
      state.tasks.set(one.id, { service: one.service, node: one.node, slot: one.slot });
      return "ok";
    }
    case "removeTask":
      return state.tasks.delete(one.id) ? "ok" : "NOT_FOUND";
    case "createService":
      if (state.services.has(one.id) || taken(one.id, one.name)) return "ALREADY_EXISTS";
      state.services.set(one.id, one.name);
      return "ok";
    case "renameService":
      if (!state.services.has(one.id)) return "NOT_FOUND";
      if (taken(one.id, one.name)) return "ALREADY_EXISTS";
      state.services.set(one.id, one.name);
      return "ok";
    case "removeService":
      return state.services.delete(one.id) ? "ok" : "NOT_FOUND";
  }
}

function onStore(tx: Transaction, one: Step): void {
  switch (one.kind) {
    case "createTask":
      tx.create("task", { id: one.id, serviceId: one.service, nodeId: one.node, slot: one.slot });
      break;
    case "moveTask": {
      const task = tx.get("task", one.id);
      if (task === undefined) tx.remove("task", one.id);
      else tx.update("task", { ...task, serviceId: one.service, nodeId: one.node, slot: one.slot });
      break;
    }
    case "removeTask":
      tx.remove("task", one.id);
      break;
    case "createService":
      tx.create("service", { id: one.id, spec: aServiceSpec({ annotations: { name: one.name } }) });
      break;
    case "renameService": {
      const service = tx.get("service", one.id);
      const spec = aServiceSpec({ annotations: { name: one.name } });
      if (service === undefined) tx.remove("service", one.id);
      else tx.update("service", { ...service, spec });
      break;
    }
    case "removeService":
      tx.remove("service", one.id);
      break;
  }
}

function assertSame(view: StoreView, state: Naive): void {
  const ids = (objects: Iterable<{ id: string }>) => new Set(Array.from(objects, ({ id }) => id));
  const naive = (test: (task: { service: string; node: string; slot: number }) => boolean) =>
    new Set([...state.tasks].flatMap(([id, task]) => (test(task) ? [id] : [])));
  assert.deepEqual(ids(view.all("task")), new Set(state.tasks.keys()));
  assert.equal(view.count("task"), state.tasks.size);
  assert.equal(view.count("service"), state.services.size);
  for (const node of ["n1", "n2"]) {
    assert.deepEqual(
      ids(view.tasksOfNode(node)),
      naive((task) => task.node === node),
    );
  }
  for (const service of ["s1", "s2", "s3"]) {
    assert.deepEqual(
      ids(view.tasksOfService(service)),
      naive((task) => task.service === service),
    );
    for (const slot of [0, 1, 2]) {
      assert.deepEqual(
        ids(view.tasksOfSlot(service, slot)),
        naive((task) => task.service === service && task.slot === slot),
      );
    }
  }
  for (const wanted of ["a", "b", "c"]) {
    const held = [...state.services].find(([, text]) => text.toLowerCase() === wanted)?.[0];
    assert.equal(view.byName("service", wanted)?.id, held);
  }
}

describe("store against a naive model", () => {
  it("comes to the same after random transactions, and so does a replica of its log", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 8 }),
        async (runs) => {
          const { store, proposer } = createMemoryStore();
          const replica = new Store({ proposer, clock: { now: () => 0 }, log: silentLogger });
          let replicaIndex = 0;
          const propose = proposer.propose.bind(proposer);
          proposer.propose = (data) => {
            replicaIndex += 1;
            replica.stateMachine.apply({ index: replicaIndex, data });
            return propose(data);
          };
          const state: Naive = { tasks: new Map(), services: new Map() };
          for (const run of runs) {
            await store.update((tx) => {
              for (const one of run) {
                let outcome = "ok";
                try {
                  onStore(tx, one);
                } catch (error) {
                  outcome = isClusterError(error) ? error.code : String(error);
                }
                assert.equal(outcome, onNaive(state, one), JSON.stringify(one));
                assertSame(tx, state);
              }
            });
            assertSame(store.view(), state);
          }
          assert.deepEqual([...replica.view().all("task")], [...store.view().all("task")]);
          assert.deepEqual([...replica.view().all("service")], [...store.view().all("service")]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
