import assert from "node:assert/strict";
import fc from "fast-check";
import type { Task } from "../../../../src/gen/skep/Task.ts";
import { isWanted, observedState } from "../../../../src/manager/orchestrator/task-facts.ts";
import { specWith, ToyCluster } from "../../../support/toy-cluster.ts";

const runs = { numRuns: 12 };

/** Chooses a random part of the movable tasks, at least one, so that they move at different speeds. */
function unevenly(seed: number): (movable: readonly Task[]) => readonly Task[] {
  let state = seed | 1;
  return (movable) => {
    const chosen = movable.filter(() => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 16) % 3 === 0;
    });
    return chosen.length > 0 ? chosen : movable.slice(0, 1);
  };
}

/** Lets tasks stop only when nothing else can move: the worst case for whoever waits for them. */
function stoppingLast(movable: readonly Task[]): readonly Task[] {
  const wanted = movable.filter(isWanted);
  return wanted.length > 0 ? wanted : movable;
}

function runningPerSlot(cluster: ToyCluster): number[] {
  const counts = new Map<string, number>();
  for (const task of cluster.serving) {
    const key = task.slot > 0 ? String(task.slot) : task.nodeId;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts.values()];
}

function assertAtRest(cluster: ToyCluster): void {
  const left = cluster.decideAll().filter((action) => action.kind !== "wakeAt");
  assert.deepEqual(left, []);
}

describe("reconcileService, as a whole", () => {
  it("comes to rest with one running task in each of the wanted slots", () => {
    fc.assert(
      fc.property(fc.nat(8), fc.nat(8), fc.nat(), (before, after, seed) => {
        const cluster = new ToyCluster({ replicated: { replicas: before } });
        cluster.settle(600_000, unevenly(seed));
        cluster.updateSpec({ replicated: { replicas: after } });
        cluster.settle(600_000, unevenly(seed + 1));
        assertAtRest(cluster);
        assert.deepEqual(runningPerSlot(cluster), Array(after).fill(1));
        assert.equal(cluster.service.updateStatus, null, "scaling is no update");
      }),
      runs,
    );
  });

  it("moves tasks off nodes that fail, drain or go", () => {
    const fate = fc.constantFrom("down", "drain", "removed");
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fate, fc.nat(), (replicas, what, seed) => {
        const cluster = new ToyCluster({ replicated: { replicas } });
        cluster.settle();
        if (what === "removed") cluster.removeNode("node1");
        if (what === "drain") {
          cluster.changeNode("node1", {
            spec: { annotations: null, desiredRole: "WORKER", availability: "DRAIN" },
          });
        }
        if (what === "down") {
          cluster.changeNode("node1", { status: { state: "DOWN", message: "", addr: "" } });
        }
        cluster.settle(60_000, unevenly(seed));
        assertAtRest(cluster);
        assert.deepEqual(runningPerSlot(cluster), Array(replicas).fill(1));
        assert.ok(cluster.serving.every((task) => task.nodeId !== "node1"));
      }),
      runs,
    );
  });

  it("updates at most `parallelism` slots at once, whoever leads, and completes", () => {
    const order = fc.constantFrom("STOP_FIRST" as const, "START_FIRST" as const);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 4 }),
        order,
        fc.nat(),
        (replicas, parallelism, updateOrder, seed) => {
          const given = {
            replicated: { replicas },
            update: { parallelism, order: updateOrder, delay: { seconds: seed % 3 } },
          };
          const cluster = new ToyCluster(specWith("v1", given));
          cluster.settle();
          cluster.updateSpec(specWith("v2", given));
          cluster.check = () => {
            const serving = new Set(cluster.serving.map((task) => task.slot)).size;
            const least = updateOrder === "START_FIRST" ? replicas : replicas - parallelism;
            assert.ok(serving >= least, `${serving} of ${replicas} serve`);
            if (updateOrder === "STOP_FIRST") {
              const slots = cluster.tasks
                .filter((task) => observedState(task) === "RUNNING")
                .map((task) => task.slot);
              assert.equal(new Set(slots).size, slots.length, "two tasks of a slot run at once");
            }
            const starting = cluster.tasks.filter(
              (task) => isWanted(task) && observedState(task) !== "RUNNING",
            );
            assert.ok(starting.length <= parallelism, `${starting.length} replaced at once`);
          };
          cluster.settle(600_000, seed % 2 === 0 ? stoppingLast : unevenly(seed));
          assertAtRest(cluster);
          assert.equal(cluster.service.updateStatus?.state, "UPDATE_COMPLETED");
          assert.deepEqual(runningPerSlot(cluster), Array(replicas).fill(1));
          assert.ok(cluster.serving.every((task) => task.spec?.container?.image === "v2"));
        },
      ),
      runs,
    );
  });

  it("lets a newer spec supersede an update at any moment", () => {
    const order = fc.constantFrom("STOP_FIRST" as const, "START_FIRST" as const);
    fc.assert(
      fc.property(fc.nat(4000), order, fc.nat(), (afterMs, updateOrder, seed) => {
        const given = {
          replicated: { replicas: 4 },
          update: { parallelism: 2, order: updateOrder },
        };
        const cluster = new ToyCluster(specWith("v1", given));
        cluster.settle();
        cluster.updateSpec(specWith("v2", given));
        cluster.settle(afterMs % 300, unevenly(seed));
        cluster.updateSpec(specWith("v3", given));
        cluster.settle(600_000, unevenly(seed));
        assertAtRest(cluster);
        assert.deepEqual(runningPerSlot(cluster), [1, 1, 1, 1]);
        assert.ok(cluster.serving.every((task) => task.spec?.container?.image === "v3"));
        assert.equal(cluster.service.updateStatus?.state, "UPDATE_COMPLETED");
      }),
      runs,
    );
  });

  it("rolls back to what ran before, keeping start-first capacity", () => {
    const order = fc.constantFrom("STOP_FIRST" as const, "START_FIRST" as const);
    const behaviour = fc.constantFrom("fails" as const, "is-refused" as const);
    fc.assert(
      fc.property(order, behaviour, fc.integer({ min: 1, max: 5 }), (order, bad, replicas) => {
        const config = { parallelism: 2, order, failureAction: "ROLLBACK_UPDATE" as const };
        const given = { replicated: { replicas }, update: config, rollback: config };
        const cluster = new ToyCluster(specWith("v1", given));
        cluster.behaviours.set("bad", bad);
        cluster.settle();
        cluster.updateSpec(specWith("bad", given));
        cluster.check = () => {
          if (order === "START_FIRST") assert.equal(cluster.serving.length >= replicas, true);
        };
        cluster.settle();
        assertAtRest(cluster);
        assert.equal(cluster.service.updateStatus?.state, "ROLLBACK_COMPLETED");
        assert.deepEqual(runningPerSlot(cluster), Array(replicas).fill(1));
        assert.ok(cluster.serving.every((task) => task.spec?.container?.image === "v1"));
      }),
      runs,
    );
  });

  it("runs global services and jobs on every node that fits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(), (nodes, seed) => {
        const service = new ToyCluster({ global: {} }, nodes);
        service.settle(600_000, unevenly(seed));
        assertAtRest(service);
        assert.deepEqual(runningPerSlot(service), Array(nodes).fill(1));
        const job = new ToyCluster({ globalJob: {} }, nodes);
        job.settle(600_000, unevenly(seed));
        assertAtRest(job);
        assert.equal(job.tasks.filter((task) => observedState(task) === "COMPLETE").length, nodes);
      }),
      runs,
    );
  });

  it("completes a replicated job exactly as often as asked, never above its concurrency", () => {
    fc.assert(
      fc.property(fc.nat(9), fc.integer({ min: 1, max: 4 }), fc.nat(), (total, most, seed) => {
        const cluster = new ToyCluster({
          replicatedJob: { totalCompletions: total, maxConcurrent: most },
        });
        cluster.check = () => {
          const live = cluster.tasks.filter(
            (task) => isWanted(task) && observedState(task) !== "COMPLETE",
          );
          assert.ok(live.length <= most);
        };
        cluster.settle(600_000, unevenly(seed));
        assertAtRest(cluster);
        const completed = cluster.tasks.filter((task) => observedState(task) === "COMPLETE");
        assert.equal(completed.length, total);
      }),
      runs,
    );
  });

  it("removes a service with all its tasks", () => {
    fc.assert(
      fc.property(fc.nat(6), fc.nat(300), fc.nat(), (replicas, afterMs, seed) => {
        const cluster = new ToyCluster({ replicated: { replicas } });
        cluster.settle(afterMs, unevenly(seed));
        cluster.removeService();
        cluster.settle(600_000, unevenly(seed));
        assert.equal(cluster.hasService, false);
        assert.deepEqual(cluster.tasks, []);
      }),
      runs,
    );
  });
});
