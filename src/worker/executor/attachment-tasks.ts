import { type Clock, sleep } from "../../base/clock.ts";
import { untilAborted, withDeadline } from "../../base/deadline.ts";
import { ClusterError, isClusterError } from "../../base/errors.ts";
import type { AttachNetworkRequestInput } from "../../gen/skep/AttachNetworkRequest.ts";
import type { AttachNetworkResponse } from "../../gen/skep/AttachNetworkResponse.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { TaskController, TaskExit } from "./task-runner.ts";

/** What a container asks of a network of the swarm. */
export type AttachmentWish = Required<
  Pick<
    AttachNetworkRequestInput,
    "containerId" | "containerName" | "network" | "aliases" | "address"
  >
>;

/** Asks the leader. */
export type AskAttachment = (wish: AttachmentWish) => Promise<AttachNetworkResponse>;

/** Where a container may link itself to: the network is set up on this node. */
export interface GivenPlace {
  readonly taskId: string;
  readonly networkId: string;
  readonly networkName: string;
  /** CIDR. */
  readonly address: string;
}

/** The places that containers on this node have on networks of the swarm. Fulfilled by the daemon. */
export interface SwarmPlaces {
  /** Whether the container has the place that the task stands for. */
  holds(containerId: string, taskId: string): boolean;
  /** Takes the container off that network, though it runs. Absent is no error. */
  drop(containerId: string, taskId: string): Promise<void>;
}

export interface AttachmentTasksDeps {
  readonly places: SwarmPlaces;
  /** Resolves when the task's networks are set up on this node. */
  readonly networksReady: (task: Task, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
}

/** As long as Docker waits for its managers. */
const attachMs = 20_000;
const sessionPollMs = 50;

interface Claim {
  given(address: string): void;
  /** Resolves when the container has its link, or gave up. */
  readonly settled: Promise<void>;
  settle(): void;
}

/**
 * The attachments of this node: a container asks for one, the leader makes a task of it, and the task lives as long as the
 * container has its place. A task that nobody here asked for, or holds any more, ends at once, so that its address is free again.
 */
export class AttachmentTasks implements TaskController {
  readonly #deps: AttachmentTasksDeps;
  /** By task. */
  readonly #claims = new Map<string, Claim>();
  readonly #asking = new Set<Promise<unknown>>();
  /** Who waits for the end of a place, by task. */
  readonly #waiting = new Map<string, { readonly task: Task; readonly end: () => void }>();
  #ask: AskAttachment | undefined;

  constructor(deps: AttachmentTasksDeps) {
    this.#deps = deps;
  }

  /** A session began, or ended. */
  connected(ask: AskAttachment | undefined): void {
    this.#ask = ask;
  }

  /**
   * A place for the container; to be followed by `settle`, linked or not. Errors of the leader; UNAVAILABLE without one in 20 s;
   * DEADLINE_EXCEEDED.
   */
  async attach(wish: AttachmentWish): Promise<GivenPlace> {
    const { clock } = this.#deps;
    const untilMs = clock.monotonic() + attachMs;
    const { answer, place } = await this.#askUntil(wish, untilMs);
    try {
      const what = `setting up network ${answer.networkName} on this node`;
      return await withDeadline(clock, Math.max(1, untilMs - clock.monotonic()), what, place);
    } catch (error) {
      this.settle(answer.taskId);
      throw error;
    }
  }

  /** The container has linked itself to the place it was given, or has given it up. */
  settle(taskId: string): void {
    this.#claims.get(taskId)?.settle();
    this.#claims.delete(taskId);
  }

  /** Places of the container were given up: their tasks end. */
  released(containerId: string): void {
    for (const { task, end } of this.#waiting.values()) {
      if (task.spec?.attachment?.containerId === containerId && !this.#holds(task)) end();
    }
  }

  async prepare(task: Task, signal: AbortSignal): Promise<void> {
    // The task may be here before the answer that names it.
    if (!this.#claims.has(task.id)) {
      await untilAborted(Promise.allSettled([...this.#asking]), signal);
    }
    const claim = this.#claims.get(task.id);
    if (claim === undefined) {
      if (this.#holds(task)) return;
      throw notThere(task);
    }
    await this.#deps.networksReady(task, signal);
    const [first] = task.networks;
    claim.given(first?.addresses[0] ?? "");
  }

  async start(task: Task, signal: AbortSignal): Promise<void> {
    const claim = this.#claims.get(task.id);
    if (claim !== undefined) await untilAborted(claim.settled, signal);
    if (!this.#holds(task)) throw notThere(task);
  }

  async wait(task: Task, signal: AbortSignal): Promise<TaskExit> {
    if (!this.#holds(task)) return over;
    const ended = new Promise<void>((end) => this.#waiting.set(task.id, { task, end }));
    try {
      await untilAborted(ended, signal);
    } finally {
      this.#waiting.delete(task.id);
    }
    return over;
  }

  async shutdown(task: Task): Promise<TaskExit> {
    await this.remove(task);
    return over;
  }

  async remove(task: Task): Promise<void> {
    await this.#deps.places.drop(containerOf(task), task.id);
  }

  containerStatus(task: Task) {
    return { containerId: containerOf(task), pid: 0, exitCode: 0 };
  }

  // Asked again where nobody answered: a task that was made without our knowing is never claimed.
  async #askUntil(
    wish: AttachmentWish,
    untilMs: number,
  ): Promise<{ answer: AttachNetworkResponse; place: Promise<GivenPlace> }> {
    const { clock } = this.#deps;
    for (;;) {
      try {
        if (this.#ask === undefined) {
          throw new ClusterError("UNAVAILABLE", "this node reaches no manager of its swarm now");
        }
        const asked = this.#ask(wish).then((answer) => this.#claim(answer));
        this.#asking.add(asked);
        return await asked.finally(() => this.#asking.delete(asked));
      } catch (error) {
        const again = isClusterError(error, "UNAVAILABLE", "NOT_LEADER", "DEADLINE_EXCEEDED");
        if (!again || clock.monotonic() > untilMs) throw error;
        await sleep(clock, sessionPollMs);
      }
    }
  }

  #claim(answer: AttachNetworkResponse) {
    let settle: () => void = () => {};
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const place = new Promise<GivenPlace>((resolve) => {
      const given = (address: string) => resolve({ ...answer, address });
      this.#claims.set(answer.taskId, { given, settled, settle });
    });
    return { answer, place };
  }

  #holds(task: Task): boolean {
    return this.#deps.places.holds(containerOf(task), task.id);
  }
}

const over: TaskExit = { exitCode: 0, error: "" };

function containerOf(task: Task): string {
  return task.spec?.attachment?.containerId ?? "";
}

function notThere(task: Task): ClusterError {
  const id = containerOf(task).slice(0, 12);
  return new ClusterError(
    "FAILED_PRECONDITION",
    `container ${id} takes no part in the network any more`,
  );
}
