import assert from "node:assert/strict";
import type { ServiceInput } from "../../../../src/gen/skep/Service.ts";
import { nextScheduleStep } from "../../../../src/manager/orchestrator/job-schedule-reconciler.ts";
import { reconcileService } from "../../../../src/manager/orchestrator/reconcile-service.ts";
import { checkSchedule, nextRunMs } from "../../../../src/model/job-schedule.ts";
import { toTimestamp } from "../../../../src/model/time.ts";
import { aService, aServiceSpec, aTask } from "../../../support/builders.ts";

const noon = Date.parse("2026-03-01T12:00:00Z");
const minute = 60_000;

function aJob(labels: Record<string, string>, given: ServiceInput = {}) {
  return aService({
    spec: aServiceSpec({
      annotations: { name: "nightly", labels },
      replicatedJob: { maxConcurrent: 1, totalCompletions: 1 },
    }),
    jobStatus: { jobIteration: { index: 4 }, lastScheduled: toTimestamp(noon) },
    ...given,
  });
}

const running = aTask({ desiredState: "COMPLETE", jobIteration: { index: 4 } });
const ended = aTask({
  desiredState: "COMPLETE",
  jobIteration: { index: 4 },
  status: { state: "COMPLETE" },
});

describe("scheduled jobs", () => {
  const each15 = { "skep.schedule": "*/15 * * * *" };
  const steps: {
    name: string;
    labels?: Record<string, string>;
    tasks?: (typeof running)[];
    atMs: number;
    want: unknown;
  }[] = [
    {
      name: "wait for the time",
      atMs: noon + minute,
      want: { kind: "wait", untilMs: noon + 15 * minute },
    },
    { name: "run when it is due", atMs: noon + 15 * minute, want: { kind: "run" } },
    { name: "run once for all missed", atMs: noon + 500 * minute, want: { kind: "run" } },
    {
      name: "run after one that ended",
      tasks: [ended],
      atMs: noon + 15 * minute,
      want: { kind: "run" },
    },
    {
      name: "skip while one goes on",
      tasks: [running],
      atMs: noon + 15 * minute,
      want: { kind: "skip" },
    },
    {
      name: "queue",
      labels: { ...each15, "skep.schedule.overlap": "queue" },
      tasks: [running],
      atMs: noon + 15 * minute,
      want: { kind: "wait", untilMs: undefined },
    },
    {
      name: "replace",
      labels: { ...each15, "skep.schedule.overlap": "replace" },
      tasks: [running],
      atMs: noon + 15 * minute,
      want: { kind: "run" },
    },
    {
      name: "look again within the hour",
      labels: { "skep.schedule": "@yearly" },
      atMs: noon,
      want: { kind: "wait", untilMs: noon + 60 * minute },
    },
    {
      name: "are none without the label",
      labels: {},
      atMs: noon,
      want: { kind: "wait", untilMs: undefined },
    },
  ];
  for (const { name, labels = each15, tasks = [], atMs, want } of steps) {
    it(name, () => assert.deepEqual(nextScheduleStep(aJob(labels), tasks, atMs), want));
  }

  it("have no tasks before their first run", () => {
    const waiting = aJob(each15, { jobStatus: { jobIteration: { index: 0 } } });
    const context = { nowMs: noon, newId: () => "t1" };
    const nodes = { get: () => undefined, all: () => [] };
    assert.deepEqual(reconcileService(waiting, [], nodes, context), []);
    const due = aJob(each15, {
      jobStatus: { jobIteration: { index: 1 }, lastExecution: toTimestamp(noon) },
    });
    assert.equal(reconcileService(due, [], nodes, context)[0]?.kind, "createTask");
  });

  it("keep to their time zone, also over a change of the clocks", () => {
    const schedule = { cron: "30 9 * * *", timezone: "Europe/Berlin", overlap: "skip" } as const;
    const next = nextRunMs(schedule, Date.parse("2026-03-28T12:00:00Z")) ?? 0;
    assert.equal(new Date(next).toISOString(), "2026-03-29T07:30:00.000Z");
  });

  const refused: { labels: Record<string, string>; job?: boolean; want: RegExp }[] = [
    {
      labels: { "skep.schedule": "every day" },
      want: /schedule "every day" \(label skep\.schedule\): write it as cron/,
    },
    { labels: { "skep.schedule": "61 * * * *" }, want: /"61 \* \* \* \*"/ },
    { labels: { "skep.schedule": "0 0 30 2 *" }, want: /never comes/ },
    {
      labels: { "skep.schedule": "@daily" },
      job: false,
      want: /only a replicated-job or global-job/,
    },
    { labels: { ...each15, "skep.schedule.timezone": "Mars/Base" }, want: /timezone "Mars\/Base"/ },
    { labels: { ...each15, "skep.schedule.overlap": "often" }, want: /skip, queue, replace/ },
    { labels: { "skep.schedule.overlap": "skip" }, want: /means nothing without/ },
  ];
  for (const { labels, job = true, want } of refused) {
    it(`refuse ${JSON.stringify(labels)}${job ? "" : " on a service"}`, () => {
      const mode = job ? { replicatedJob: { totalCompletions: 1 } } : {};
      const spec = aServiceSpec({ annotations: { name: "a", labels }, ...mode });
      assert.throws(() => checkSchedule(spec), want);
    });
  }
});
