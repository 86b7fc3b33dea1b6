import type { ContainerStatus } from "../../gen/skep/ContainerStatus.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { isAttachment } from "../../model/attachment.ts";
import type { TaskController, TaskExit } from "./task-runner.ts";

/** Drives each task as its kind wants it: one that runs a container, or one that stands for a container that people made. */
export class Controllers implements TaskController {
  readonly #containers: TaskController;
  readonly #attachments: TaskController;

  constructor(containers: TaskController, attachments: TaskController) {
    this.#containers = containers;
    this.#attachments = attachments;
  }

  prepare(task: Task, signal: AbortSignal): Promise<void> {
    return this.#of(task).prepare(task, signal);
  }

  start(task: Task, signal: AbortSignal): Promise<void> {
    return this.#of(task).start(task, signal);
  }

  wait(task: Task, signal: AbortSignal): Promise<TaskExit> {
    return this.#of(task).wait(task, signal);
  }

  shutdown(task: Task): Promise<TaskExit> {
    return this.#of(task).shutdown(task);
  }

  remove(task: Task): Promise<void> {
    return this.#of(task).remove(task);
  }

  containerStatus(task: Task): ContainerStatus | null {
    return this.#of(task).containerStatus(task);
  }

  #of(task: Task): TaskController {
    return isAttachment(task) ? this.#attachments : this.#containers;
  }
}
