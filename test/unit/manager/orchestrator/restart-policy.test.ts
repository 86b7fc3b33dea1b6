import assert from "node:assert/strict";
import type { Task, TaskInput } from "../../../../src/gen/skep/Task.ts";
import type { TaskState } from "../../../../src/gen/skep/TaskState.ts";
import {
  mayRestart,
  promotionTimeMs,
  stopWaitMs,
  successionTimeMs,
} from "../../../../src/manager/orchestrator/restart-policy.ts";
import { toTimestamp } from "../../../../src/model/time.ts";
import { aNode, aTask, aTaskSpec } from "../../../support/builders.ts";

const t0 = 1_700_000_000_000;

/** A task made at second `at` that reached `state` at second `until`. */
function made(at: number, state: TaskState, until: number, given: TaskInput = {}): Task {
  return aTask({
    id: `t${at}`,
    meta: { version: { index: 1 }, createdAt: toTimestamp(t0 + at * 1000) },
    status: { state, timestamp: toTimestamp(t0 + until * 1000) },
    ...given,
  });
}

describe("mayRestart", () => {
  const any = {};
  const onFailure = { condition: "RESTART_ON_FAILURE" as const };
  const cases = [
    { name: "any: a failure", given: { restart: any, ends: ["FAILED"] }, want: true },
    { name: "any: a success", given: { restart: any, ends: ["COMPLETE"] }, want: true },
    { name: "on-failure: a failure", given: { restart: onFailure, ends: ["FAILED"] }, want: true },
    { name: "on-failure: refused", given: { restart: onFailure, ends: ["REJECTED"] }, want: true },
    { name: "on-failure: success", given: { restart: onFailure, ends: ["COMPLETE"] }, want: false },
    {
      name: "none",
      given: { restart: { condition: "RESTART_NONE" as const }, ends: ["FAILED"] },
      want: false,
    },
    {
      name: "first of 2 attempts",
      given: { restart: { maxAttempts: 2 }, ends: ["FAILED"] },
      want: true,
    },
    {
      name: "second of 2 attempts",
      given: { restart: { maxAttempts: 2 }, ends: ["FAILED", "FAILED"] },
      want: true,
    },
    {
      name: "2 attempts spent",
      given: { restart: { maxAttempts: 2 }, ends: ["FAILED", "FAILED", "FAILED"] },
      want: false,
    },
    {
      name: "2 attempts spent, one of them outside the window",
      given: {
        restart: { maxAttempts: 2, window: { seconds: 15 } },
        ends: ["FAILED", "FAILED", "FAILED"],
      },
      want: true,
    },
    {
      name: "2 attempts spent within the window",
      given: {
        restart: { maxAttempts: 2, window: { seconds: 25 } },
        ends: ["FAILED", "FAILED", "FAILED"],
      },
      want: false,
    },
  ] as const;
  for (const { name, given, want } of cases) {
    it(name, () => {
      const spec = aTaskSpec({ restart: given.restart });
      // One task every ten seconds, each lives for nine.
      const tasks = given.ends.map((state, n) => made(n * 10, state, n * 10 + 9, { spec }));
      const last = tasks[tasks.length - 1];
      assert.equal(last && mayRestart(last, tasks), want);
    });
  }

  it("does not count tasks of other versions", () => {
    const spec = aTaskSpec({ restart: { maxAttempts: 1 } });
    const old = [0, 1, 2].map((n) => made(n, "FAILED", n + 1, { spec, specVersion: { index: 1 } }));
    const last = made(5, "FAILED", 6, { spec, specVersion: { index: 2 } });
    assert.equal(mayRestart(last, [...old, last]), true);
  });

  it("treats a job's `any` as on-failure", () => {
    const done = made(0, "COMPLETE", 1, { jobIteration: { index: 0 } });
    assert.equal(mayRestart(done, [done]), false);
  });
});

describe("promotionTimeMs", () => {
  const stopped = { desiredState: "SHUTDOWN" as const };
  const other = { ...stopped, spec: aTaskSpec({ forceUpdate: 1 }), specVersion: { index: 0 } };
  const cases = [
    {
      name: "a failed task: after the delay, which counts from its end",
      before: made(0, "FAILED", 9, stopped),
      wantMs: 4_000,
    },
    { name: "a stopped task: at once", before: made(0, "SHUTDOWN", 9, stopped), wantMs: 0 },
    {
      name: "a stopping task: a minute at most",
      before: made(0, "RUNNING", 9, stopped),
      wantMs: stopWaitMs,
    },
    {
      name: "a stopping task on a node that is down: at once",
      before: made(0, "RUNNING", 9, { ...stopped, nodeId: "down" }),
      wantMs: 0,
    },
    {
      name: "a failed task on a node that is down: at once",
      before: made(0, "FAILED", 9, { ...stopped, nodeId: "down" }),
      wantMs: 0,
    },
    {
      name: "a stopping task on a node that is gone: at once",
      before: made(0, "RUNNING", 9, { ...stopped, nodeId: "gone" }),
      wantMs: 0,
    },
    {
      name: "a failed task of other words: at once",
      before: made(0, "FAILED", 9, other),
      wantMs: 0,
    },
    {
      name: "a task that no node knew: at once",
      before: made(0, "PENDING", 9, { ...stopped, nodeId: "" }),
      wantMs: 0,
    },
  ];
  const nodes = new Map([
    ["node1", aNode()],
    ["down", aNode({ id: "down", status: { state: "DOWN" } })],
  ]);
  for (const { name, before, wantMs } of cases) {
    it(name, () => {
      const waiting = made(10, "PENDING", 10, { desiredState: "READY", nodeId: "" });
      assert.equal(promotionTimeMs(waiting, [before, waiting], nodes), t0 + 10_000 + wantMs);
    });
  }
});

describe("successionTimeMs", () => {
  const cases = [
    { name: "no task before: at once", last: undefined, version: 1, wantMs: 0 },
    {
      name: "rejected before it ran: after the delay",
      last: made(0, "REJECTED", 9, { specVersion: { index: 1 } }),
      version: 1,
      wantMs: t0 + 14_000,
    },
    {
      name: "rejected, but the service has changed since: at once",
      last: made(0, "REJECTED", 9, { specVersion: { index: 1 } }),
      version: 2,
      wantMs: 0,
    },
    {
      name: "failed: at once, its successor prepares during the delay",
      last: made(0, "FAILED", 9, { specVersion: { index: 1 } }),
      version: 1,
      wantMs: 0,
    },
  ];
  for (const { name, last, version, wantMs } of cases) {
    it(name, () => assert.equal(successionTimeMs(last, version), wantMs));
  }
});
