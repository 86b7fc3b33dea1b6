import assert from "node:assert/strict";
import fc from "fast-check";
import type { TaskState } from "../../../src/gen/skep/TaskState.ts";
import {
  clusterSettingsOf,
  healthCheckOf,
  restartPolicyOf,
  rollbackConfigOf,
  stopGracePeriodMs,
  updateConfigOf,
} from "../../../src/model/defaults.ts";
import { isServing } from "../../../src/model/endpoint-assignments.ts";
import { amountsOf, claimGeneric } from "../../../src/model/resources.ts";
import {
  desiredReplicas,
  isGlobal,
  isGlobalJob,
  isJob,
  isReplicated,
  isReplicatedJob,
} from "../../../src/model/service-mode.ts";
import { taskName } from "../../../src/model/task-name.ts";
import { isLegalTransition, isTerminal, taskStateOrder } from "../../../src/model/task-state.ts";
import {
  durationFromNanos,
  durationMs,
  durationNanos,
  timestampMs,
  toDuration,
  toTimestamp,
} from "../../../src/model/time.ts";
import { aService, aServiceSpec, aTask, aTaskSpec } from "../../support/builders.ts";

describe("task states", () => {
  const cases: { from: TaskState; to: TaskState; want: boolean }[] = [
    { from: "NEW", to: "PENDING", want: true },
    { from: "NEW", to: "ASSIGNED", want: false },
    { from: "NEW", to: "ORPHANED", want: true },
    { from: "PENDING", to: "ASSIGNED", want: true },
    { from: "PENDING", to: "RUNNING", want: false },
    { from: "ASSIGNED", to: "RUNNING", want: true },
    { from: "RUNNING", to: "STARTING", want: false },
    { from: "RUNNING", to: "RUNNING", want: false },
    { from: "RUNNING", to: "COMPLETE", want: true },
    { from: "RUNNING", to: "REJECTED", want: true },
    { from: "RUNNING", to: "REMOVE", want: false },
    { from: "COMPLETE", to: "SHUTDOWN", want: false },
    { from: "FAILED", to: "ORPHANED", want: false },
  ];
  for (const { from, to, want } of cases) {
    it(`${from} -> ${to} is ${want ? "legal" : "not legal"}`, () => {
      assert.equal(isLegalTransition(from, to), want);
    });
  }

  it("has its order and its end", () => {
    assert.ok(taskStateOrder("READY") < taskStateOrder("RUNNING"));
    assert.ok(!isTerminal("RUNNING") && isTerminal("COMPLETE") && isTerminal("ORPHANED"));
  });
});

describe("time", () => {
  it("keeps milliseconds through timestamps and durations", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 4e12 }), (ms) => {
        assert.equal(timestampMs(toTimestamp(ms)), ms);
        assert.equal(durationMs(toDuration(ms), 7), ms);
      }),
    );
  });

  it("keeps nanoseconds, and has defaults for what is not set", () => {
    assert.deepEqual(durationFromNanos(1_500_000_000), { seconds: 1, nanos: 500_000_000 });
    assert.equal(durationNanos(durationFromNanos(-2_000_000_001)), -2_000_000_001);
    assert.equal(durationMs(null, 7), 7);
    assert.equal(durationNanos(null), 0);
    assert.equal(timestampMs(null), 0);
    assert.deepEqual(toDuration(-0.0000001), { seconds: 0, nanos: 0 });
  });
});

describe("service modes", () => {
  const modes = [
    { spec: { replicated: { replicas: 3 } }, is: isReplicated, replicas: 3, job: false },
    { spec: { global: {} }, is: isGlobal, replicas: 0, job: false },
    {
      spec: { replicatedJob: { maxConcurrent: 2, totalCompletions: 5 } },
      is: isReplicatedJob,
      replicas: 2,
      job: true,
    },
    {
      spec: { replicatedJob: { totalCompletions: 5 } },
      is: isReplicatedJob,
      replicas: 5,
      job: true,
    },
    { spec: { globalJob: {} }, is: isGlobalJob, replicas: 0, job: true },
  ];
  for (const { spec, is, replicas, job } of modes) {
    it(JSON.stringify(spec), () => {
      const service = aService({ spec: aServiceSpec(spec) });
      const found = [isReplicated, isGlobal, isReplicatedJob, isGlobalJob].filter((fn) =>
        fn(service),
      );
      assert.deepEqual(found, [is]);
      assert.equal(desiredReplicas(service), replicas);
      assert.equal(isJob(service), job);
    });
  }
});

describe("tasks", () => {
  it("are named by slot, or by node when they have none", () => {
    assert.equal(taskName(aTask()), "web.1.task1");
    assert.equal(taskName(aTask({ slot: 0 })), "web.node1.task1");
  });

  it("serve while they run and are meant to", () => {
    assert.equal(isServing(aTask()), true);
    assert.equal(isServing(aTask({ desiredState: "COMPLETE" })), true);
    assert.equal(isServing(aTask({ desiredState: "SHUTDOWN" })), false);
    assert.equal(isServing(aTask({ status: { state: "STARTING" } })), false);
  });
});

describe("defaults", () => {
  it("are Docker's", () => {
    const service = aService();
    assert.deepEqual(restartPolicyOf(service.spec?.task ?? null), {
      condition: "RESTART_ANY",
      delayMs: 5000,
      maxAttempts: 0,
      windowMs: 0,
    });
    const update = {
      parallelism: 1,
      delayMs: 0,
      failureAction: "PAUSE_UPDATE",
      monitorMs: 5000,
      maxFailureRatio: 0,
      order: "STOP_FIRST",
    };
    assert.deepEqual(updateConfigOf(service), update);
    assert.deepEqual(rollbackConfigOf(service), update);
    assert.equal(stopGracePeriodMs(null), 10_000);
    assert.deepEqual(clusterSettingsOf(undefined), {
      taskHistoryLimit: 5,
      heartbeatPeriodMs: 5000,
      nodeCertExpiryMs: 7_776_000_000,
    });
  });

  it("give way to what is set, also to 0", () => {
    const spec = aServiceSpec({
      task: aTaskSpec({ restart: { delay: { seconds: 0 }, condition: "RESTART_NONE" } }),
      update: { parallelism: 0, monitor: { seconds: 1 }, order: "START_FIRST" },
    });
    assert.equal(restartPolicyOf(spec.task).delayMs, 0);
    const update = updateConfigOf({ spec });
    assert.deepEqual(
      [update.parallelism, update.monitorMs, update.order],
      [0, 1000, "START_FIRST"],
    );
    const task = aTaskSpec({ container: { image: "x", healthcheck: { retries: 7 } } });
    const health = task.container?.healthcheck;
    assert.ok(health);
    assert.deepEqual(healthCheckOf(health), {
      intervalMs: 30_000,
      timeoutMs: 30_000,
      retries: 7,
      startPeriodMs: 0,
      startIntervalMs: 5_000,
    });
  });
});

describe("generic resources", () => {
  const named = (value: string) => ({ named: { kind: "GPU", value }, resource: "named" as const });
  const discrete = (value: number) => ({
    discrete: { kind: "SSD", value },
    resource: "discrete" as const,
  });

  it("are counted by kind", () => {
    const amounts = amountsOf({
      nanoCpus: 1,
      memoryBytes: 2,
      pids: 0,
      generic: [named("a"), named("b"), discrete(3)],
    });
    assert.deepEqual(
      [...amounts.generic],
      [
        ["GPU", 2],
        ["SSD", 3],
      ],
    );
  });

  it("are claimed by name, lowest first, or by number", () => {
    const offered = [named("b"), named("a"), discrete(3)];
    const wanted = new Map([
      ["GPU", 1],
      ["SSD", 2],
    ]);
    const first = claimGeneric(wanted, offered, []);
    assert.deepEqual(first, [named("a"), discrete(2)]);
    assert.equal(claimGeneric(wanted, offered, first ?? []), undefined);
    assert.deepEqual(claimGeneric(new Map([["GPU", 1]]), offered, first ?? []), [named("b")]);
    assert.equal(claimGeneric(new Map([["FPGA", 1]]), offered, []), undefined);
  });
});
