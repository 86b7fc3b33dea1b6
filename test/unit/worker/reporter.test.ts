import assert from "node:assert/strict";
import { silentLogger } from "../../../src/base/log.ts";
import type { TaskState } from "../../../src/gen/skep/TaskState.ts";
import type { TaskStatus } from "../../../src/gen/skep/TaskStatus.ts";
import { Reporter } from "../../../src/worker/agent/reporter.ts";
import { aTask } from "../../support/builders.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

function status(state: TaskState): TaskStatus {
  const made = aTask({ status: { state } }).status;
  assert.ok(made);
  return made;
}

function setUp() {
  const clock = new FakeClock();
  const sent: string[][] = [];
  let trouble = 0;
  const reporter = new Reporter({ clock, log: silentLogger });
  const send = async (updates: { taskId?: string; status?: { state?: unknown } | null }[]) => {
    if (trouble > 0) {
      trouble -= 1;
      throw new Error("not taken");
    }
    sent.push(updates.map((update) => `${update.taskId} ${update.status?.state}`));
  };
  const fail = (times: number): void => {
    trouble = times;
  };
  return { clock, sent, reporter, send, fail };
}

describe("Reporter", () => {
  it("sends what changes close together in one call, only the latest of each task", async () => {
    const { clock, sent, reporter, send } = setUp();
    reporter.connected(send, []);
    await clock.run(1);
    reporter.report("a", status("ACCEPTED"));
    reporter.report("a", status("PREPARING"));
    reporter.report("b", status("RUNNING"));
    await clock.run(10);
    assert.deepEqual(sent, [["a PREPARING", "b RUNNING"]]);
    assert.equal(reporter.pendingCount, 0);
  });

  it("keeps what happens without a manager, and tells everything to a new one", async () => {
    const { clock, sent, reporter, send } = setUp();
    reporter.report("a", status("RUNNING"));
    await clock.run(1_000);
    assert.deepEqual(sent, []);
    reporter.connected(send, [
      ["a", status("READY")],
      ["b", status("RUNNING")],
    ]);
    await clock.run(1);
    assert.deepEqual(sent, [["a RUNNING", "b RUNNING"]]);
  });

  it("sends again what was not taken", async () => {
    const { clock, sent, reporter, send, fail } = setUp();
    fail(2);
    reporter.connected(send, []);
    reporter.report("a", status("RUNNING"));
    await clock.run(100);
    assert.equal(reporter.pendingCount, 1);
    await clock.run(500);
    assert.deepEqual(sent, [["a RUNNING"]]);
    assert.equal(reporter.pendingCount, 0);
  });

  it("sends a state that changed while the one before was under way", async () => {
    const { clock, sent, reporter } = setUp();
    let finish: () => void = () => {};
    reporter.connected(
      async (updates) => {
        sent.push(updates.map((update) => String(update.status?.state)));
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
      [["a", status("STARTING")]],
    );
    await clock.run(1);
    reporter.report("a", status("RUNNING"));
    await clock.run(100);
    assert.deepEqual(sent, [["STARTING"]]);
    finish();
    await settle();
    await clock.run(1);
    assert.deepEqual(sent, [["STARTING"], ["RUNNING"]]);
  });

  it("is silent after the session", async () => {
    const { clock, sent, reporter, send } = setUp();
    reporter.connected(send, []);
    reporter.report("a", status("RUNNING"));
    reporter.disconnected();
    await clock.run(1_000);
    assert.deepEqual(sent, []);
    assert.equal(clock.pending, 0);
  });

  it("sends at most 1,000 states at once", async () => {
    const { clock, sent, reporter, send } = setUp();
    const known = Array.from({ length: 2_500 }, (_, at) => [`t${at}`, status("RUNNING")] as const);
    reporter.connected(send, known);
    await clock.run(10);
    assert.deepEqual(
      sent.map(({ length }) => length),
      [1_000, 1_000, 500],
    );
  });
});
