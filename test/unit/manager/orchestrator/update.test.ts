import assert from "node:assert/strict";
import type { ServiceSpecInput } from "../../../../src/gen/skep/ServiceSpec.ts";
import type { UpdateConfigInput } from "../../../../src/gen/skep/UpdateConfig.ts";
import { specWith, ToyCluster } from "../../../support/toy-cluster.ts";

function given(config: UpdateConfigInput, replicas = 4): ServiceSpecInput {
  const update = { parallelism: 1, ...config };
  return { replicated: { replicas }, update, rollback: update };
}

/** A service at v1 that was updated to `image`, whose tasks behave as told. */
function updating(image: string, update: UpdateConfigInput, replicas = 4): ToyCluster {
  const cluster = new ToyCluster(specWith("v1", given(update, replicas)));
  cluster.behaviours.set("fails", "fails");
  cluster.settle();
  cluster.updateSpec(specWith(image, given(update, replicas)));
  return cluster;
}

function images(cluster: ToyCluster): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const task of cluster.serving) {
    const image = task.spec?.container?.image ?? "";
    counts[image] = (counts[image] ?? 0) + 1;
  }
  return counts;
}

describe("rolling update", () => {
  it("pauses at the first failure, names the task, and resumes by a new spec", () => {
    const cluster = updating("fails", {});
    cluster.settle(60_000);
    const status = cluster.service.updateStatus;
    assert.equal(status?.state, "UPDATE_PAUSED");
    // Four tasks were there before it.
    assert.equal(
      status?.message,
      "update paused due to failure or early termination of task t0005",
    );
    assert.deepEqual(images(cluster), { v1: 3 });
    cluster.updateSpec(specWith("v2", given({})));
    cluster.settle();
    assert.deepEqual(images(cluster), { v2: 4 });
    assert.equal(cluster.service.updateStatus?.message, "update completed");
    assert.ok(cluster.service.updateStatus?.completedAt);
  });

  it("goes on in spite of failures when told to", () => {
    for (const order of ["STOP_FIRST", "START_FIRST"] as const) {
      const cluster = updating("fails", { failureAction: "CONTINUE_UPDATE", order });
      cluster.settle(60_000);
      assert.equal(cluster.service.updateStatus?.state, "UPDATE_COMPLETED");
      assert.deepEqual(images(cluster), order === "START_FIRST" ? { v1: 4 } : {});
      // The image is mended: the restarts succeed.
      cluster.behaviours.clear();
      cluster.settle(60_000);
      assert.deepEqual(images(cluster), { fails: 4 });
    }
  });

  it("tolerates failures up to the ratio", () => {
    const cluster = updating("v2", { maxFailureRatio: 0.25 });
    cluster.settle(50);
    cluster.observe("t0005", "FAILED");
    cluster.settle();
    assert.equal(cluster.service.updateStatus?.state, "UPDATE_COMPLETED");
    assert.deepEqual(images(cluster), { v2: 4 });
  });

  it("remembers a failure whose restart succeeded, however little history is kept", () => {
    const cluster = updating("v2", { maxFailureRatio: 0.3, delay: { seconds: 20 } });
    cluster.historyLimit = 0;
    cluster.settle(50);
    cluster.observe("t0005", "FAILED");
    cluster.settle(19_000);
    assert.equal(cluster.service.updateStatus?.state, "UPDATING");
    assert.deepEqual(images(cluster), { v1: 3, v2: 1 });
    cluster.behaviours.set("v2", "fails");
    cluster.settle(10_000);
    assert.equal(cluster.service.updateStatus?.state, "UPDATE_PAUSED");
    assert.match(cluster.service.updateStatus?.message ?? "", /task t0005$/);
  });

  it("counts a failure within the monitored time only", () => {
    for (const [afterMs, want] of [
      [4_000, "UPDATE_PAUSED"],
      [8_000, "UPDATING"],
    ] as const) {
      const cluster = updating("v2", { delay: { seconds: 30 }, monitor: { seconds: 5 } });
      cluster.settle(1_000);
      const [first] = cluster.tasks.filter((task) => task.spec?.container?.image === "v2");
      cluster.nowMs += afterMs;
      cluster.observe(first?.id ?? "", "FAILED");
      cluster.settle(1_000);
      assert.equal(cluster.service.updateStatus?.state, want);
    }
  });

  it("waits the delay after each slot", () => {
    const cluster = updating("v2", { delay: { seconds: 10 } });
    const seen: number[] = [];
    for (let step = 0; step < 4; step += 1) {
      cluster.settle(10_000);
      seen.push(images(cluster)["v2"] ?? 0);
    }
    assert.deepEqual(seen, [1, 2, 3, 4]);
  });

  it("updates all at once with parallelism 0", () => {
    const cluster = updating("v2", { parallelism: 0 });
    cluster.apply(cluster.decide());
    const fresh = cluster.tasks.filter((task) => task.desiredState === "READY");
    assert.equal(fresh.length, 4);
  });

  it("only pauses a rollback that fails", () => {
    const config = { failureAction: "ROLLBACK_UPDATE" as const };
    const cluster = updating("fails", config);
    cluster.behaviours.set("v1", "fails");
    cluster.settle(60_000);
    assert.equal(cluster.service.updateStatus?.state, "ROLLBACK_PAUSED");
    assert.match(cluster.service.updateStatus?.message ?? "", /^rollback paused due to failure/);
    assert.equal(cluster.service.spec?.task?.container?.image, "v1");
    assert.equal(cluster.service.previousSpec, null);
  });

  it("does a rollback that control began", () => {
    const cluster = updating("v2", {});
    cluster.settle();
    const { service } = cluster;
    cluster.update("service", {
      ...service,
      spec: service.previousSpec,
      previousSpec: service.spec,
      specVersion: null,
      updateStatus: {
        state: "ROLLBACK_STARTED",
        startedAt: null,
        completedAt: null,
        message: "manually requested rollback",
      },
    });
    cluster.settle();
    assert.equal(cluster.service.updateStatus?.message, "rollback completed");
    assert.deepEqual(images(cluster), { v1: 4 });
  });

  it("is not delayed by a scaled-up task that finds no node", () => {
    const cluster = new ToyCluster(specWith("v1", given({})));
    cluster.settle();
    for (const node of cluster.nodes.all()) {
      cluster.changeNode(node.id, {
        spec: { annotations: null, desiredRole: "WORKER", availability: "PAUSE" },
      });
    }
    cluster.updateSpec(specWith("v2", given({}, 5)));
    cluster.settle(1_000);
    // Nothing can be placed: no more than one running task was given up for it.
    assert.ok((images(cluster)["v1"] ?? 0) >= 3);
  });

  it("updates a global service node by node and leaves paused nodes alone", () => {
    const cluster = new ToyCluster(specWith("v1", { global: {} }));
    cluster.settle();
    cluster.changeNode("node2", {
      spec: { annotations: null, desiredRole: "WORKER", availability: "PAUSE" },
    });
    cluster.updateSpec(specWith("v2", { global: {} }));
    cluster.settle();
    assert.deepEqual(images(cluster), { v1: 1, v2: 2 });
    assert.equal(cluster.service.updateStatus?.state, "UPDATE_COMPLETED");
    cluster.changeNode("node2", {
      spec: { annotations: null, desiredRole: "WORKER", availability: "ACTIVE" },
    });
    cluster.settle();
    assert.deepEqual(images(cluster), { v2: 3 });
  });
});
