import assert from "node:assert/strict";
import { silentLogger } from "../../../../src/base/log.ts";
import type { TaskStatus, TaskStatusInput } from "../../../../src/gen/skep/TaskStatus.ts";
import { nextStatus, StatusIntake } from "../../../../src/manager/dispatcher/status-intake.ts";
import { aTask } from "../../../support/builders.ts";
import { settle } from "../../../support/fake-clock.ts";
import { createMemoryStore } from "../../../support/memory-proposer.ts";

const status = (given: TaskStatusInput): TaskStatus =>
  aTask({ status: given }).status as TaskStatus;
const by = { managerId: "manager1", nowMs: 5_000 };

describe("manager: task statuses", () => {
  const cases: {
    name: string;
    before: TaskStatusInput;
    node?: string;
    said: TaskStatusInput;
    want: string | undefined;
  }[] = [
    { name: "forward", before: { state: "STARTING" }, said: { state: "RUNNING" }, want: "RUNNING" },
    {
      name: "skipping states",
      before: { state: "ASSIGNED" },
      said: { state: "FAILED" },
      want: "FAILED",
    },
    {
      name: "backward",
      before: { state: "RUNNING" },
      said: { state: "STARTING" },
      want: undefined,
    },
    {
      name: "after the end",
      before: { state: "FAILED" },
      said: { state: "ORPHANED" },
      want: undefined,
    },
    {
      name: "of another node's task",
      before: { state: "STARTING" },
      node: "node2",
      said: { state: "RUNNING" },
      want: undefined,
    },
    {
      name: "the same again",
      before: { state: "RUNNING", message: "started", runningAt: {} },
      said: { state: "RUNNING", message: "started", timestamp: { seconds: 9 } },
      want: undefined,
    },
    {
      name: "the same state, more to say",
      before: { state: "RUNNING" },
      said: { state: "RUNNING", err: "unhealthy" },
      want: "RUNNING",
    },
    {
      name: "REMOVE is never observed",
      before: { state: "RUNNING" },
      said: { state: "REMOVE" },
      want: undefined,
    },
  ];
  for (const { name, before, node = "node1", said, want } of cases) {
    it(name, () => {
      assert.equal(nextStatus(aTask({ status: before }), node, status(said), by)?.state, want);
    });
  }

  it("remembers when the task was first running", () => {
    const first = nextStatus(
      aTask({ status: { state: "STARTING" } }),
      "node1",
      status({ state: "RUNNING" }),
      by,
    );
    assert.deepEqual(first?.runningAt, { seconds: 5, nanos: 0 });
    const later = nextStatus(
      aTask({ status: { state: "RUNNING", runningAt: { seconds: 3 } } }),
      "node1",
      status({ state: "FAILED" }),
      by,
    );
    assert.equal(later?.runningAt?.seconds, 3);
    assert.deepEqual([later?.appliedBy, later?.appliedAt?.seconds], ["manager1", 5]);
  });

  it("writes many in one proposal and answers when they are written", async () => {
    const { store, seed, clock, proposer } = createMemoryStore();
    seed(
      "task",
      aTask({ status: { state: "STARTING" } }),
      aTask({ id: "task2", status: { state: "STARTING" } }),
    );
    const intake = new StatusIntake({ store, nodeId: "manager1", clock, log: silentLogger });
    const answered: string[] = [];
    const take = (taskId: string) =>
      intake
        .take("node1", [{ taskId, status: status({ state: "RUNNING" }) }])
        .then(() => answered.push(taskId));
    const all = [take("task1"), take("task2"), take("gone")];
    await settle();
    assert.deepEqual(answered, []);
    await clock.run(20);
    await Promise.all(all);
    assert.equal(proposer.proposals, 1);
    assert.equal(store.view().get("task", "task2")?.status?.state, "RUNNING");
    await intake.stop();
    await assert.rejects(take("task1"), /no longer leads/);
  });
});
