import type { Clock } from "../../base/clock.ts";
import { sleep } from "../../base/clock.ts";
import { errorMessage, isClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ContainerStatus } from "../../gen/skep/ContainerStatus.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { TaskState } from "../../gen/skep/TaskState.ts";
import type { TaskStatus } from "../../gen/skep/TaskStatus.ts";
import { toTimestamp } from "../../model/time.ts";
import { nextTaskStep, type TaskStep } from "./next-task-step.ts";

const temporaryRetryMs = 1_000;

/** How a task's container ended. */
export interface TaskExit {
  readonly exitCode: number;
  /** Why it counts as failed; "" when it ended well. */
  readonly error: string;
}

/** What a task runner drives: each call may be repeated after a crash and is aborted when the assignment changes. */
export interface TaskController {
  /** Image, sandbox and container exist afterwards. */
  prepare(task: Task, signal: AbortSignal): Promise<void>;
  /** The container runs and is healthy afterwards. */
  start(task: Task, signal: AbortSignal): Promise<void>;
  /** Resolves when the container ended or became unhealthy. */
  wait(task: Task, signal: AbortSignal): Promise<TaskExit>;
  /** Stops what runs; leaves the logs. */
  shutdown(task: Task): Promise<TaskExit>;
  /** Takes away all that is left. */
  remove(task: Task): Promise<void>;
  containerStatus(task: Task): ContainerStatus | null;
}

export interface TaskRunnerDeps {
  readonly controller: TaskController;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with each new status, in order. */
  readonly onStatus: (taskId: string, status: TaskStatus) => void;
}

/** Brings one task to its desired state, one step at a time, until it is over or taken away. */
export class TaskRunner {
  readonly #deps: TaskRunnerDeps;
  #task: Task;
  #status: TaskStatus;
  #step = new AbortController();
  #wake: () => void = () => {};
  #removed = false;
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(task: Task, status: TaskStatus, deps: TaskRunnerDeps) {
    this.#task = task;
    this.#status = status;
    this.#deps = deps;
  }

  get task(): Task {
    return this.#task;
  }

  get status(): TaskStatus {
    return this.#status;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** A newer assignment of the same task. What is under way goes on if it is still the next thing to do: a task may run before it is prepared. */
  update(task: Task): void {
    const before = this.#nextStep();
    this.#task = task;
    if (this.#nextStep().kind !== before.kind) this.#interrupt();
  }

  /** The task was taken away: stop it and leave nothing behind. Resolves when that is done. */
  async remove(): Promise<void> {
    this.#removed = true;
    this.#interrupt();
    await this.#done;
  }

  /** The daemon stops; the container goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#interrupt();
    await this.#done;
  }

  #nextStep(): TaskStep {
    const desired: TaskState = this.#removed ? "REMOVE" : this.#task.desiredState;
    return nextTaskStep(desired, this.#status.state);
  }

  #interrupt(): void {
    this.#step.abort();
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#step = new AbortController();
      const signal = this.#step.signal;
      const step = this.#nextStep();
      if (step.kind === "idle") {
        if (this.#removed) break;
        await this.#changed(signal);
        continue;
      }
      try {
        await this.#take(step, signal);
      } catch (error) {
        if (signal.aborted) continue;
        await this.#failed(error, signal);
      }
    }
    if (this.#removed) await this.#cleanUp();
  }

  async #take(step: TaskStep, signal: AbortSignal): Promise<void> {
    const { controller } = this.#deps;
    switch (step.kind) {
      case "enter":
        this.#set(step.state, step.message);
        return;
      case "prepare":
        await controller.prepare(this.#task, signal);
        signal.throwIfAborted();
        this.#set("READY", "prepared");
        return;
      case "start":
        await controller.start(this.#task, signal);
        signal.throwIfAborted();
        this.#set("RUNNING", "started");
        return;
      case "wait": {
        const exit = await controller.wait(this.#task, signal);
        if (exit.error === "") this.#set("COMPLETE", "finished", "", exit.exitCode);
        else this.#set("FAILED", "started", exit.error, exit.exitCode);
        return;
      }
      case "shutdown": {
        const exit = await controller.shutdown(this.#task);
        this.#set("SHUTDOWN", "shutdown", "", exit.exitCode);
        return;
      }
      case "idle":
        return;
    }
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const message = errorMessage(error);
    const state = this.#status.state;
    this.#deps.log.warn({ taskId: this.#task.id, state, err: message }, "task step failed");
    const stopping = nextTaskStep(this.#task.desiredState, state).kind === "shutdown";
    if (isClusterError(error, "UNAVAILABLE", "ABORTED") || stopping || this.#removed) {
      await sleep(this.#deps.clock, temporaryRetryMs, signal).catch(() => {});
      return;
    }
    const early = state === "ACCEPTED" || state === "PREPARING" || state === "READY";
    this.#set(early ? "REJECTED" : "FAILED", early ? "preparing" : "starting", message);
    await this.#deps.controller.shutdown(this.#task).catch((cause: unknown) => {
      this.#deps.log.warn({ taskId: this.#task.id, err: errorMessage(cause) }, "task not cleared");
    });
  }

  async #cleanUp(): Promise<void> {
    for (;;) {
      try {
        await this.#deps.controller.remove(this.#task);
        return;
      } catch (error) {
        const err = errorMessage(error);
        this.#deps.log.warn(
          { taskId: this.#task.id, err },
          "task not removed, will be tried again",
        );
        if (this.#stopped) return;
        await sleep(this.#deps.clock, temporaryRetryMs);
      }
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else this.#wake = resolve;
    });
  }

  #set(state: TaskState, message: string, err = "", exitCode?: number): void {
    const container = this.#deps.controller.containerStatus(this.#task);
    this.#status = {
      timestamp: toTimestamp(this.#deps.clock.now()),
      state,
      message,
      err,
      container:
        container === null || exitCode === undefined ? container : { ...container, exitCode },
      portStatus: this.#status.portStatus,
      runningAt: this.#status.runningAt,
      appliedBy: "",
      appliedAt: null,
    };
    this.#deps.onStatus(this.#task.id, this.#status);
  }
}
