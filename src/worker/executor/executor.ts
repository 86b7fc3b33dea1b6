import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { TaskStatus } from "../../gen/skep/TaskStatus.ts";
import { type TaskController, TaskRunner } from "./task-runner.ts";

export interface ExecutorDeps {
  readonly controller: TaskController;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onStatus: (taskId: string, status: TaskStatus) => void;
  /** The task and all that was left of it are gone. */
  readonly onRemoved: (taskId: string) => void;
}

/** All tasks of this node, each driven by its runner. */
export class Executor {
  readonly #deps: ExecutorDeps;
  readonly #runners = new Map<string, TaskRunner>();

  constructor(deps: ExecutorDeps) {
    this.#deps = deps;
  }

  /** A new task, or a newer form of one. `status` is how far it got before a restart. */
  assign(task: Task, status?: TaskStatus): void {
    const known = this.#runners.get(task.id);
    if (known !== undefined) {
      known.update(task);
      return;
    }
    const first = status ?? task.status;
    if (first === null) return;
    const runner = new TaskRunner(task, first, this.#deps);
    this.#runners.set(task.id, runner);
    runner.start();
  }

  /** Stops the task and clears away what is left. */
  withdraw(taskId: string): void {
    const runner = this.#runners.get(taskId);
    if (runner === undefined) return;
    void runner.remove().then(() => {
      this.#runners.delete(taskId);
      this.#deps.onRemoved(taskId);
    });
  }

  tasks(): readonly Task[] {
    return [...this.#runners.values()].map(({ task }) => task);
  }

  statuses(): readonly (readonly [string, TaskStatus])[] {
    return [...this.#runners].map(([id, { status }]) => [id, status] as const);
  }

  /** Withdraws everything; resolves when nothing is left. */
  async clear(): Promise<void> {
    const runners = [...this.#runners];
    await Promise.all(runners.map(([, runner]) => runner.remove()));
    for (const [id] of runners) {
      this.#runners.delete(id);
      this.#deps.onRemoved(id);
    }
  }

  /** The daemon stops; containers go on. */
  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
  }
}
