import assert from "node:assert/strict";
import type { TaskState } from "../../../src/gen/skep/TaskState.ts";
import { nextTaskStep } from "../../../src/worker/executor/next-task-step.ts";

const table: { desired: TaskState; observed: TaskState; want: string }[] = [
  { desired: "READY", observed: "ASSIGNED", want: "enter ACCEPTED" },
  { desired: "READY", observed: "ACCEPTED", want: "enter PREPARING" },
  { desired: "READY", observed: "PREPARING", want: "prepare" },
  { desired: "READY", observed: "READY", want: "idle" },
  { desired: "RUNNING", observed: "READY", want: "enter STARTING" },
  { desired: "COMPLETE", observed: "READY", want: "enter STARTING" },
  { desired: "RUNNING", observed: "STARTING", want: "start" },
  { desired: "RUNNING", observed: "RUNNING", want: "wait" },
  { desired: "RUNNING", observed: "COMPLETE", want: "idle" },
  { desired: "RUNNING", observed: "FAILED", want: "idle" },
  { desired: "SHUTDOWN", observed: "RUNNING", want: "shutdown" },
  { desired: "SHUTDOWN", observed: "ASSIGNED", want: "shutdown" },
  { desired: "REMOVE", observed: "PREPARING", want: "shutdown" },
  { desired: "REMOVE", observed: "SHUTDOWN", want: "idle" },
  { desired: "SHUTDOWN", observed: "REJECTED", want: "idle" },
];

describe("nextTaskStep", () => {
  for (const { desired, observed, want } of table) {
    it(`${observed}, wanted ${desired}: ${want}`, () => {
      const step = nextTaskStep(desired, observed);
      assert.equal(step.kind === "enter" ? `enter ${step.state}` : step.kind, want);
    });
  }
});
