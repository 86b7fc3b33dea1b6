import assert from "node:assert/strict";
import { silentLogger } from "../../../../src/base/log.ts";
import { startAllocator } from "../../../../src/manager/allocator/allocator-loop.ts";
import { startOrchestration } from "../../../../src/manager/orchestrator/orchestration.ts";
import { observedState } from "../../../../src/manager/orchestrator/task-facts.ts";
import { aCluster, aNode, aService, aServiceSpec } from "../../../support/builders.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";
import { createMemoryStore } from "../../../support/memory-proposer.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

function start(clock = new FakeClock()) {
  const { store, proposer } = createMemoryStore(clock);
  const deps = { store, clock, random: seededRandom(7), log: silentLogger };
  return { clock, store, proposals: () => proposer.proposals, deps };
}

describe("orchestration and allocator loops", () => {
  it("bring a service of 30 replicas to PENDING in few proposals and no time", async () => {
    const { clock, store, proposals, deps } = start();
    await store.update((tx) => {
      tx.create("cluster", aCluster());
      tx.create("node", aNode());
    });
    const loops = [startOrchestration(deps), startAllocator(deps)];
    await clock.run(1);
    const before = proposals();
    const spec = aServiceSpec({ replicated: { replicas: 30 } });
    await store.update((tx) => tx.create("service", aService({ spec, specVersion: null })));
    await clock.run(1);
    const tasks = store.view().tasksOfService("service1");
    assert.deepEqual(
      tasks.map((task) => task.slot).sort((a, b) => a - b),
      Array.from({ length: 30 }, (_, n) => n + 1),
    );
    assert.ok(tasks.every((task) => observedState(task) === "PENDING"));
    assert.ok(proposals() - before <= 4, `${proposals() - before} proposals`);
    await Promise.all(loops.map((loop) => loop.stop()));
  });

  it("remove a service whose tasks never reached a node, and stop proposing when stopped", async () => {
    const { clock, store, proposals, deps } = start();
    await store.update((tx) => {
      tx.create("cluster", aCluster());
      tx.create("service", aService({ specVersion: null }));
    });
    const loops = [startOrchestration(deps), startAllocator(deps)];
    await clock.run(10);
    await store.update((tx) => {
      const service = tx.get("service", "service1");
      if (service) tx.update("service", { ...service, pendingDelete: true });
    });
    await clock.run(1000);
    assert.equal(store.view().get("service", "service1"), undefined);
    assert.equal(store.view().count("task"), 0);
    await Promise.all(loops.map((loop) => loop.stop()));
    const before = proposals();
    await store.update((tx) => tx.create("service", aService({ specVersion: null })));
    await clock.run(1000);
    await settle();
    assert.equal(proposals(), before + 1);
    assert.equal(clock.pending, 0);
  });
});
