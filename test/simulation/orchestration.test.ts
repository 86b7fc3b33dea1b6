import assert from "node:assert/strict";
import fc from "fast-check";
import type { NodeAvailability } from "../../src/gen/skep/NodeAvailability.ts";
import type { ServiceSpecInput } from "../../src/gen/skep/ServiceSpec.ts";
import type { Task } from "../../src/gen/skep/Task.ts";
import { isWanted, observedState } from "../../src/manager/orchestrator/task-facts.ts";
import { taskStateOrder } from "../../src/model/task-state.ts";
import { specWith, ToyCluster } from "../support/toy-cluster.ts";

// Random faults and orders at random moments; then everything is healed, and the service must come to rest as its spec says.

type Step =
  | { kind: "run"; ms: number }
  | { kind: "node"; node: number; state: "DOWN" | "READY_NODE" | "UNKNOWN" }
  | { kind: "availability"; node: number; availability: NodeAvailability }
  | { kind: "crash"; pick: number }
  | { kind: "update"; image: "v1" | "v2" | "bad"; replicas: number }
  | { kind: "clock"; ms: number };

const node = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("run" as const), ms: fc.nat(8_000) }) },
  fc.record({
    kind: fc.constant("node" as const),
    node,
    state: fc.constantFrom("DOWN", "READY_NODE", "UNKNOWN"),
  }),
  fc.record({
    kind: fc.constant("availability" as const),
    node,
    availability: fc.constantFrom("ACTIVE", "PAUSE", "DRAIN"),
  }),
  fc.record({ kind: fc.constant("crash" as const), pick: fc.nat(20) }),
  fc.record({
    kind: fc.constant("update" as const),
    image: fc.constantFrom("v1", "v2", "bad"),
    replicas: fc.nat(6),
  }),
  // Another leader, whose clock differs.
  fc.record({ kind: fc.constant("clock" as const), ms: fc.integer({ min: -3_000, max: 3_000 }) }),
);

const settings = fc.record({
  order: fc.constantFrom("STOP_FIRST" as const, "START_FIRST" as const),
  failureAction: fc.constantFrom("PAUSE_UPDATE", "CONTINUE_UPDATE", "ROLLBACK_UPDATE"),
  parallelism: fc.nat(3),
});

function take(
  cluster: ToyCluster,
  step: Step,
  mode: (image: string, n: number) => ServiceSpecInput,
) {
  switch (step.kind) {
    case "run":
      return cluster.settle(step.ms);
    case "node":
      return cluster.changeNode(`node${step.node}`, {
        status: { state: step.state, message: "", addr: "" },
      });
    case "availability":
      return cluster.changeNode(`node${step.node}`, {
        spec: { annotations: null, desiredRole: "WORKER", availability: step.availability },
      });
    case "crash": {
      const running = cluster.serving;
      const victim = running[step.pick % Math.max(1, running.length)];
      return victim && cluster.observe(victim.id, "FAILED");
    }
    case "update":
      return cluster.updateSpec(mode(step.image, step.replicas));
    case "clock":
      cluster.nowMs += step.ms;
  }
}

/** States only ever grow, and the store does not fill up. */
function watch(cluster: ToyCluster): void {
  let before = new Map<string, Task>();
  cluster.check = () => {
    for (const task of cluster.tasks) {
      const old = before.get(task.id);
      if (old === undefined || old === task) continue;
      assert.ok(taskStateOrder(task.desiredState) >= taskStateOrder(old.desiredState));
      assert.ok(taskStateOrder(observedState(task)) >= taskStateOrder(observedState(old)));
    }
    before = new Map(cluster.tasks.map((task) => [task.id, task]));
    assert.ok(cluster.tasks.length <= 120, `${cluster.tasks.length} tasks`);
  };
}

function heal(cluster: ToyCluster): void {
  cluster.behaviours.clear();
  for (const { id } of cluster.nodes.all()) {
    cluster.changeNode(id, {
      status: { state: "READY_NODE", message: "", addr: "" },
      spec: { annotations: null, desiredRole: "WORKER", availability: "ACTIVE" },
    });
  }
}

function perPlace(cluster: ToyCluster, placeOf: (task: Task) => string | number): number[] {
  const counts = new Map<string | number, number>();
  for (const task of cluster.tasks.filter(isWanted)) {
    assert.equal(observedState(task), "RUNNING");
    counts.set(placeOf(task), (counts.get(placeOf(task)) ?? 0) + 1);
  }
  return [...counts.values()];
}

describe("orchestration under faults", () => {
  it("always comes to rest as the spec of a replicated service says", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), settings, (steps, config) => {
        const mode = (image: string, replicas: number) =>
          specWith(image, { replicated: { replicas }, update: config, rollback: config });
        const cluster = new ToyCluster(mode("v1", 3), 4);
        cluster.behaviours.set("bad", "fails");
        watch(cluster);
        for (const each of steps) take(cluster, each, mode);
        heal(cluster);
        cluster.updateSpec(mode("last", 4));
        cluster.settle();
        assert.deepEqual(
          cluster.decideAll().filter((a) => a.kind !== "wakeAt"),
          [],
        );
        assert.deepEqual(
          perPlace(cluster, (task) => task.slot),
          [1, 1, 1, 1],
        );
        assert.ok(cluster.serving.every((task) => task.spec?.container?.image === "last"));
      }),
      { numRuns: 300 },
    );
  });

  it("always comes to rest as the spec of a global service says", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), settings, (steps, config) => {
        const mode = (image: string) =>
          specWith(image, { global: {}, update: config, rollback: config });
        const cluster = new ToyCluster(mode("v1"), 4);
        cluster.behaviours.set("bad", "fails");
        watch(cluster);
        for (const each of steps) take(cluster, each, mode);
        heal(cluster);
        cluster.updateSpec(mode("last"));
        cluster.settle();
        assert.deepEqual(
          cluster.decideAll().filter((a) => a.kind !== "wakeAt"),
          [],
        );
        assert.deepEqual(
          perPlace(cluster, (task) => task.nodeId),
          [1, 1, 1, 1],
        );
        assert.ok(cluster.serving.every((task) => task.spec?.container?.image === "last"));
      }),
      { numRuns: 200 },
    );
  });
});
