import assert from "node:assert/strict";
import { ClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { TaskInput } from "../../../src/gen/skep/Task.ts";
import { SchedulerLoop } from "../../../src/scheduler/scheduler-loop.ts";
import { aNode, aTask, aTaskSpec } from "../../support/builders.ts";
import { createMemoryStore, type MemoryStore } from "../../support/memory-proposer.ts";
import { seededRandom } from "../../support/seeded-random.ts";

function startLoop(made: MemoryStore): SchedulerLoop {
  const { store, clock } = made;
  const loop = new SchedulerLoop({ store, clock, random: seededRandom(1), log: silentLogger });
  loop.start();
  return loop;
}

const pending = (id: string, given: TaskInput = {}) =>
  aTask({ id, nodeId: "", status: { state: "PENDING" }, ...given });

const states = (made: MemoryStore) =>
  Array.from(made.store.view().all("task"), (task) => `${task.status?.state} ${task.nodeId}`);

describe("scheduler loop", () => {
  it("places what waits at the start and what comes later", async () => {
    const made = createMemoryStore();
    made.seed("node", aNode({ id: "a" }), aNode({ id: "b" }));
    made.seed("task", pending("t1"), pending("t2", { status: { state: "NEW" } }));
    const loop = startLoop(made);
    await made.clock.run(20);
    assert.deepEqual(states(made), ["ASSIGNED a", "NEW "]);
    made.seed("task", pending("t3"));
    await made.clock.run(20);
    assert.deepEqual(states(made), ["ASSIGNED a", "NEW ", "ASSIGNED b"]);
    assert.equal(made.clock.pending, 0);
    await loop.stop();
  });

  it("says why a task waits, and places it once a node suits", async () => {
    const made = createMemoryStore();
    made.seed("node", aNode({ id: "a", spec: { availability: "DRAIN" } }));
    made.seed("task", pending("t1"));
    const loop = startLoop(made);
    await made.clock.run(50);
    const task = made.store.view().get("task", "t1");
    assert.equal(task?.status?.err, "no suitable node (1 node not available for new tasks)");
    assert.equal(made.proposer.proposals, 1);
    made.seed("node", aNode({ id: "b" }));
    await made.clock.run(50);
    assert.deepEqual(states(made), ["ASSIGNED b"]);
    assert.equal(made.store.view().get("task", "t1")?.status?.err, "");
    await loop.stop();
  });

  it("uses the room that an ended task leaves", async () => {
    const made = createMemoryStore();
    const spec = aTaskSpec({ resources: { reservations: { nanoCpus: 3e9 } } });
    made.seed("node", aNode({ id: "a" }));
    made.seed("task", aTask({ id: "old", nodeId: "a", spec }), pending("new", { spec }));
    const loop = startLoop(made);
    await made.clock.run(50);
    assert.match(made.store.view().get("task", "new")?.status?.err ?? "", /insufficient CPUs/);
    await made.store.update((tx) => tx.remove("task", "old"));
    await made.clock.run(50);
    assert.equal(made.store.view().get("task", "new")?.nodeId, "a");
    await loop.stop();
  });

  it("does not use a node that went away while it was deciding", async () => {
    const made = createMemoryStore();
    made.seed("node", aNode({ id: "a" }), aNode({ id: "b" }));
    made.seed("task", pending("t1"));
    const propose = made.proposer.propose.bind(made.proposer);
    let drained = false;
    made.proposer.propose = async (data) => {
      if (!drained) {
        drained = true;
        await made.store.update((tx) => {
          const node = tx.get("node", "a");
          assert.ok(node);
          tx.update("node", { ...node, status: { state: "DOWN", message: "", addr: "" } });
          const task = tx.get("task", "t1");
          assert.ok(task);
          tx.update("task", { ...task, slot: 9 });
        });
      }
      return await propose(data);
    };
    const loop = startLoop(made);
    await made.clock.run(200);
    assert.deepEqual(states(made), ["ASSIGNED b"]);
    await loop.stop();
  });

  it("waits at most 100 ms though changes keep coming", async () => {
    const made = createMemoryStore();
    made.seed("node", aNode({ id: "a" }));
    const loop = startLoop(made);
    for (let index = 0; index < 19; index += 1) {
      made.seed("task", pending(`t${index}`));
      await made.clock.run(6);
    }
    assert.ok(states(made).includes("ASSIGNED a"));
    await made.clock.run(20);
    assert.equal(states(made).filter((state) => state === "ASSIGNED a").length, 19);
    await loop.stop();
  });

  it("tries again when nothing can be committed", async () => {
    const made = createMemoryStore();
    made.seed("node", aNode({ id: "a" }));
    made.seed("task", pending("t1"));
    made.proposer.refusal = new ClusterError("UNAVAILABLE", "no quorum");
    const loop = startLoop(made);
    await made.clock.run(500);
    made.proposer.refusal = undefined;
    await made.clock.run(10_000);
    assert.deepEqual(states(made), ["ASSIGNED a"]);
    await loop.stop();
  });

  it("places thousands at once as if each were alone, a node that fills up and one that joins meanwhile", async () => {
    const made = createMemoryStore();
    const spec = aTaskSpec({ resources: { reservations: { nanoCpus: 1e7 } } });
    made.seed("node", aNode({ id: "a" }), aNode({ id: "b" }));
    const tasks = Array.from({ length: 1_000 }, (_, at) =>
      pending(`t${at}`, { serviceId: `s${at % 3}`, slot: at, spec }),
    );
    made.seed("task", ...tasks);
    const loop = startLoop(made);
    // In parts, as there are many turns of the event loop between entries.
    const run = async () => {
      for (let at = 0; at < 20; at += 1) await made.clock.run(100);
    };
    await run();
    const countOn = (nodeId: string) => made.store.view().tasksOfNode(nodeId).length;
    // 4 CPUs each are 400 tasks; the rest waits for more.
    assert.deepEqual([countOn("a"), countOn("b")], [400, 400]);
    made.seed("node", aNode({ id: "c" }));
    await run();
    assert.deepEqual([countOn("a"), countOn("b"), countOn("c")], [400, 400, 200]);
    assert.equal(made.clock.pending, 0);
    await loop.stop();
  });

  it("writes about tasks that were in work when a commit failed", async () => {
    const made = createMemoryStore();
    made.seed("node", aNode({ id: "a" }));
    made.seed("task", ...Array.from({ length: 120 }, (_, at) => pending(`t${at}`, { slot: at })));
    const propose = made.proposer.propose.bind(made.proposer);
    let calls = 0;
    made.proposer.propose = async (data) => {
      calls += 1;
      if (calls === 2) throw new ClusterError("UNAVAILABLE", "no quorum");
      return await propose(data);
    };
    const loop = startLoop(made);
    await made.clock.run(10_000);
    assert.ok(states(made).every((state) => state === "ASSIGNED a"));
    await loop.stop();
  });

  it("explains again what a failed commit did not say", async () => {
    const made = createMemoryStore();
    made.seed("node", aNode({ id: "a", spec: { availability: "DRAIN" } }));
    made.seed("task", pending("t1"));
    const propose = made.proposer.propose.bind(made.proposer);
    let calls = 0;
    made.proposer.propose = async (data) => {
      calls += 1;
      if (calls === 1) throw new ClusterError("UNAVAILABLE", "no quorum");
      return await propose(data);
    };
    const loop = startLoop(made);
    await made.clock.run(10_000);
    assert.match(made.store.view().get("task", "t1")?.status?.err ?? "", /no suitable node/);
    await loop.stop();
  });

  it("places a task once, however often it was touched while it waited", async () => {
    const made = createMemoryStore();
    made.seed("node", aNode({ id: "a" }), aNode({ id: "b" }));
    const loop = startLoop(made);
    made.seed("task", pending("t1"), pending("t2", { slot: 2 }));
    for (let slot = 3; slot < 6; slot += 1) {
      await made.store.update((tx) => {
        const task = tx.get("task", "t1");
        assert.ok(task);
        tx.update("task", { ...task, slot });
      });
    }
    await made.clock.run(200);
    assert.deepEqual(
      states(made).toSorted((a, b) => (a < b ? -1 : 1)),
      ["ASSIGNED a", "ASSIGNED b"],
    );
    await loop.stop();
  });

  it("counts what reports of tasks change on a node, and only that", async () => {
    const made = createMemoryStore();
    const spec = aTaskSpec({ resources: { reservations: { nanoCpus: 4e9 } } });
    made.seed("node", aNode({ id: "a" }));
    made.seed("task", pending("t1", { spec }));
    const loop = startLoop(made);
    await made.clock.run(50);
    const report = async (state: "RUNNING" | "FAILED") =>
      await made.store.update((tx) => {
        const task = tx.get("task", "t1");
        assert.ok(task?.status);
        tx.update("task", { ...task, status: { ...task.status, state } });
      });
    await report("RUNNING");
    made.seed("task", pending("t2", { spec, slot: 2 }));
    await made.clock.run(50);
    assert.equal(made.store.view().get("task", "t2")?.nodeId, "");
    await report("FAILED");
    await made.clock.run(50);
    assert.equal(made.store.view().get("task", "t2")?.nodeId, "a");
    await loop.stop();
  });
});
