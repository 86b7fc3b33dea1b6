import assert from "node:assert/strict";
import { ClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Task } from "../../../src/gen/skep/Task.ts";
import type { TaskState } from "../../../src/gen/skep/TaskState.ts";
import type { TaskStatus } from "../../../src/gen/skep/TaskStatus.ts";
import { Executor } from "../../../src/worker/executor/executor.ts";
import type { TaskController, TaskExit } from "../../../src/worker/executor/task-runner.ts";
import { TaskRunner } from "../../../src/worker/executor/task-runner.ts";
import { aTask } from "../../support/builders.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

type Step = "prepare" | "start" | "wait" | "shutdown" | "remove";
const ended: TaskExit = { exitCode: 0, error: "" };

/** A container that does as it is told: steps named in `held` wait until `go`, the others are done at once. */
class FakeController implements TaskController {
  readonly calls: string[] = [];
  readonly held: Set<Step>;
  readonly fails: Map<Step, Error[]> = new Map();
  exit: TaskExit = ended;
  #waiting = new Map<Step, () => void>();

  constructor(...held: Step[]) {
    this.held = new Set(held);
  }

  /** Lets the held step end. */
  async go(step: Step): Promise<void> {
    this.#waiting.get(step)?.();
    await settle();
  }

  failOnce(step: Step, error: Error): void {
    this.fails.set(step, [...(this.fails.get(step) ?? []), error]);
  }

  prepare(_task: Task, signal: AbortSignal): Promise<void> {
    return this.#step("prepare", signal);
  }

  start(_task: Task, signal: AbortSignal): Promise<void> {
    return this.#step("start", signal);
  }

  async wait(_task: Task, signal: AbortSignal): Promise<TaskExit> {
    await this.#step("wait", signal);
    return this.exit;
  }

  async shutdown(): Promise<TaskExit> {
    await this.#step("shutdown");
    return { exitCode: 143, error: "" };
  }

  remove(): Promise<void> {
    return this.#step("remove");
  }

  containerStatus(): TaskStatus["container"] {
    return { containerId: "c1", pid: 7, exitCode: 0 };
  }

  #step(step: Step, signal?: AbortSignal): Promise<void> {
    this.calls.push(step);
    const error = this.fails.get(step)?.shift();
    if (error !== undefined) return Promise.reject(error);
    if (!this.held.has(step)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.set(step, resolve);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
}

function assigned(desiredState: TaskState, state: TaskState = "ASSIGNED"): Task {
  return aTask({ desiredState, status: { state } });
}

function run(controller: FakeController, task: Task, status = task.status) {
  const clock = new FakeClock();
  const states: TaskStatus[] = [];
  assert.ok(status);
  const runner = new TaskRunner(task, status, {
    controller,
    clock,
    log: silentLogger,
    onStatus: (_id, next) => void states.push(next),
  });
  runner.start();
  return { runner, clock, states, names: () => states.map(({ state }) => state) };
}

describe("TaskRunner", () => {
  it("brings a task from assigned to complete", async () => {
    const controller = new FakeController();
    const { states, names } = run(controller, assigned("RUNNING"));
    await settle();
    assert.deepEqual(names(), [
      ...["ACCEPTED", "PREPARING", "READY", "STARTING", "RUNNING", "COMPLETE"],
    ]);
    assert.deepEqual(controller.calls, ["prepare", "start", "wait"]);
    assert.equal(states.at(-1)?.container?.containerId, "c1");
  });

  it("prepares once though it may run before that is done", async () => {
    const controller = new FakeController("prepare", "wait");
    const { runner, states } = run(controller, assigned("READY"));
    await settle();
    runner.update(assigned("RUNNING"));
    await settle();
    assert.deepEqual(controller.calls, ["prepare"]);
    await controller.go("prepare");
    assert.deepEqual(controller.calls, ["prepare", "start", "wait"]);
    assert.equal(states.at(-1)?.state, "RUNNING");
    await runner.stop();
  });

  it("waits at READY until it may run", async () => {
    const controller = new FakeController("wait");
    const { runner, names } = run(controller, assigned("READY"));
    await settle();
    assert.deepEqual(names(), ["ACCEPTED", "PREPARING", "READY"]);
    runner.update(assigned("RUNNING"));
    await settle();
    assert.deepEqual(names().slice(3), ["STARTING", "RUNNING"]);
  });

  const stages: { name: string; held?: Step; desired?: TaskState; before: TaskState }[] = [
    { name: "prepared", held: "prepare", before: "PREPARING" },
    { name: "ready", desired: "READY", before: "READY" },
    { name: "started", held: "start", before: "STARTING" },
    { name: "running", held: "wait", before: "RUNNING" },
  ];
  for (const { name, held, desired = "RUNNING", before } of stages) {
    it(`shuts down a task that is being ${name}`, async () => {
      const controller = new FakeController(...(held === undefined ? [] : [held]));
      const { runner, names, states } = run(controller, assigned(desired));
      await settle();
      assert.equal(names().at(-1), before);
      runner.update(assigned("SHUTDOWN"));
      await settle();
      assert.equal(names().at(-1), "SHUTDOWN");
      assert.equal(controller.calls.at(-1), "shutdown");
      assert.equal(states.at(-1)?.container?.exitCode, 143);
    });
  }

  const failures: { step: Step; want: TaskState }[] = [
    { step: "prepare", want: "REJECTED" },
    { step: "start", want: "FAILED" },
    { step: "wait", want: "FAILED" },
  ];
  for (const { step, want } of failures) {
    it(`is ${want} when ${step} fails, and leaves nothing running`, async () => {
      const controller = new FakeController();
      controller.failOnce(step, new ClusterError("NOT_FOUND", "No such image: x"));
      const { states } = run(controller, assigned("RUNNING"));
      await settle();
      assert.equal(states.at(-1)?.state, want);
      assert.equal(states.at(-1)?.err, "No such image: x");
      assert.equal(controller.calls.at(-1), "shutdown");
    });
  }

  it("has FAILED when its program ends badly", async () => {
    const controller = new FakeController();
    controller.exit = { exitCode: 3, error: "task: non-zero exit (3)" };
    const { states } = run(controller, assigned("RUNNING"));
    await settle();
    assert.equal(states.at(-1)?.state, "FAILED");
    assert.equal(states.at(-1)?.err, "task: non-zero exit (3)");
    assert.equal(states.at(-1)?.container?.exitCode, 3);
  });

  it("tries again after a passing trouble", async () => {
    const controller = new FakeController("wait");
    controller.failOnce("prepare", new ClusterError("UNAVAILABLE", "registry is away"));
    const { clock, names } = run(controller, assigned("RUNNING"));
    await settle();
    assert.equal(names().at(-1), "PREPARING");
    await clock.run(1_000);
    assert.equal(names().at(-1), "RUNNING");
    assert.deepEqual(controller.calls, ["prepare", "prepare", "start", "wait"]);
  });

  it("stops trying when it shall end", async () => {
    const controller = new FakeController();
    controller.failOnce("prepare", new ClusterError("UNAVAILABLE", "registry is away"));
    const { runner, names } = run(controller, assigned("RUNNING"));
    await settle();
    runner.update(assigned("SHUTDOWN"));
    await settle();
    assert.equal(names().at(-1), "SHUTDOWN");
  });

  it("repeats a shutdown that failed", async () => {
    const controller = new FakeController("wait");
    controller.failOnce("shutdown", new ClusterError("INTERNAL", "runc says no"));
    const { runner, clock, names } = run(controller, assigned("RUNNING"));
    await settle();
    runner.update(assigned("SHUTDOWN"));
    await settle();
    assert.equal(names().at(-1), "RUNNING");
    await clock.run(1_000);
    assert.equal(names().at(-1), "SHUTDOWN");
  });

  const adopted: { state: TaskState; want: Step[] }[] = [
    { state: "PREPARING", want: ["prepare", "start", "wait"] },
    { state: "STARTING", want: ["start", "wait"] },
    { state: "RUNNING", want: ["wait"] },
    { state: "COMPLETE", want: [] },
    { state: "FAILED", want: [] },
  ];
  for (const { state, want } of adopted) {
    it(`goes on from ${state} after a restart of the daemon`, async () => {
      const controller = new FakeController("wait");
      run(controller, assigned("RUNNING", state));
      await settle();
      assert.deepEqual(controller.calls, want);
    });
  }

  it("lets the container run on when the daemon stops", async () => {
    const controller = new FakeController("wait");
    const { runner, names } = run(controller, assigned("RUNNING"));
    await settle();
    await runner.stop();
    assert.equal(names().at(-1), "RUNNING");
    assert.deepEqual(controller.calls, ["prepare", "start", "wait"]);
  });

  it("leaves nothing behind when it is taken away, however often that fails", async () => {
    const controller = new FakeController("wait");
    controller.failOnce("remove", new ClusterError("INTERNAL", "busy"));
    const { runner, clock } = run(controller, assigned("RUNNING"));
    await settle();
    const removed = runner.remove();
    await clock.run(1_000);
    await removed;
    assert.deepEqual(controller.calls.slice(3), ["shutdown", "remove", "remove"]);
  });
});

describe("Executor", () => {
  function make(controller: FakeController) {
    const removed: string[] = [];
    const clock = new FakeClock();
    const executor = new Executor({
      controller,
      clock,
      log: silentLogger,
      onStatus: () => {},
      onRemoved: (id) => void removed.push(id),
    });
    return { executor, removed, clock };
  }

  it("tells a known task of its newer form", async () => {
    const { executor } = make(new FakeController("wait"));
    executor.assign(assigned("READY"));
    await settle();
    executor.assign(assigned("RUNNING"));
    await settle();
    assert.deepEqual(
      executor.statuses().map(([id, { state }]) => [id, state]),
      [["task1", "RUNNING"]],
    );
  });

  it("forgets what was withdrawn", async () => {
    const { executor, removed } = make(new FakeController("wait"));
    executor.assign(assigned("RUNNING"));
    await settle();
    executor.withdraw("task1");
    executor.withdraw("other");
    await settle();
    assert.deepEqual(executor.tasks(), []);
    assert.deepEqual(removed, ["task1"]);
  });

  it("goes on with the status it had, not the manager's", async () => {
    const controller = new FakeController("wait");
    const { executor } = make(controller);
    const { status } = assigned("RUNNING", "RUNNING");
    assert.ok(status);
    executor.assign(assigned("RUNNING", "ASSIGNED"), status);
    await settle();
    assert.deepEqual(controller.calls, ["wait"]);
  });

  it("clears everything when the node leaves", async () => {
    const { executor, removed } = make(new FakeController("wait"));
    executor.assign(assigned("RUNNING"));
    executor.assign({ ...assigned("RUNNING"), id: "task2" });
    await settle();
    await executor.clear();
    assert.deepEqual(new Set(removed), new Set(["task1", "task2"]));
  });
});
