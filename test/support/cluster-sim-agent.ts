import { type Clock, sleep } from "../../src/base/clock.ts";
import type { Random } from "../../src/base/random.ts";
import { randomInteger } from "../../src/base/random.ts";
import type { AssignmentsMessageInput } from "../../src/gen/skep/AssignmentsMessage.ts";
import type { SessionMessageInput } from "../../src/gen/skep/SessionMessage.ts";
import type { Task } from "../../src/gen/skep/Task.ts";
import type { TaskState } from "../../src/gen/skep/TaskState.ts";
import type { TaskStatus } from "../../src/gen/skep/TaskStatus.ts";
import type { Dispatcher } from "../../src/manager/dispatcher/dispatcher.ts";
import { isTerminal, taskStateOrder } from "../../src/model/task-state.ts";
import { toTimestamp } from "../../src/model/time.ts";
import { aNode } from "./builders.ts";
import type { SimManager } from "./cluster-sim-manager.ts";
import { HostClock } from "./sim-clock.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimProcess, Timeline } from "./sim-timeline.ts";

export interface AgentSurroundings {
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly random: Random;
  readonly managers: ReadonlyMap<number, SimManager>;
  count(event: string): void;
}

interface LocalTask {
  task: Task;
  state: TaskState;
  message: string;
  isTold: boolean;
}

interface Session {
  readonly manager: SimManager;
  readonly process: SimProcess;
  readonly id: string;
  readonly dispatcher: Dispatcher;
  readonly over: AbortController;
}

const callMs = 3_000;

/** A worker host: keeps a session with the leader, runs tasks that only take time, and reports them. */
export class SimAgent {
  readonly name: string;
  readonly clock: HostClock;
  readonly #world: AgentSurroundings;
  readonly #tasks = new Map<string, LocalTask>();
  #process: SimProcess | undefined;
  #session: Session | undefined;
  /** The managers' ends of its streams. */
  readonly #served = new Map<AbortController, SimProcess>();

  constructor(name: string, world: AgentSurroundings) {
    this.name = name;
    this.#world = world;
    this.clock = new HostClock(world.timeline);
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  /** For the report of a failure. */
  describe(): string {
    const tasks = [...this.#tasks.values()].map(
      ({ task, state, isTold }) => `${task.id}:${state}>${task.desiredState}${isTold ? "" : "!"}`,
    );
    const session = this.#session === undefined ? "no session" : `at ${this.#session.manager.name}`;
    return `${this.name} ${session} ${tasks.join(" ")}`;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const process = { name: this.name, isAlive: true, pausedUntilMs: 0 };
    this.#process = process;
    void this.#run(process, this.clock.of(process));
  }

  /** The host dies, with what ran on it. */
  crash(): void {
    if (this.#process === undefined) return;
    this.#process.isAlive = false;
    this.#process = undefined;
    this.#session = undefined;
    for (const local of this.#tasks.values()) {
      local.isTold = false;
      if (!isTerminal(local.state)) this.#to(local, "FAILED", "the host went down");
    }
  }

  /** Node keeps a signal that is listened to until it is aborted, and with it the whole life of a process that has ended. */
  sweep(): void {
    for (const [served, { isAlive }] of this.#served) {
      if (!isAlive) served.abort(new Error("the process has ended"));
      if (served.signal.aborted) this.#served.delete(served);
    }
  }

  /** One of its running tasks dies. */
  failTask(pick: number): void {
    const running = [...this.#tasks.values()].filter(({ state }) => state === "RUNNING");
    const victim = running[pick % Math.max(1, running.length)];
    if (victim !== undefined) this.#to(victim, "FAILED", "the program died");
  }

  async #run(process: SimProcess, clock: Clock): Promise<void> {
    for (;;) {
      try {
        await this.#serve(process, clock);
      } catch {
        // The session has ended: look for the leader again.
      }
      await sleep(clock, randomInteger(this.#world.random, 100, 700));
    }
  }

  async #serve(process: SimProcess, clock: Clock): Promise<void> {
    const session = await this.#open(process);
    this.#session = session;
    this.#world.count("session opened");
    for (const local of this.#tasks.values()) local.isTold = false;
    this.#stream<AssignmentsMessageInput>(
      process,
      session.process,
      session.over,
      (write, signal) => session.dispatcher.assignments(this.name, session.id, write, signal),
      (message) => this.#take(message, session, clock),
    );
    try {
      while (!session.over.signal.aborted) {
        await this.#report(process, session, clock);
        const beat = await this.#world.network.call(process, session.process, callMs, async () =>
          session.dispatcher.heartbeat(this.name, session.id),
        );
        const untilMs = clock.monotonic() + Math.min(beat, 2_000);
        while (clock.monotonic() < untilMs && !session.over.signal.aborted) {
          await sleep(clock, 200);
          await this.#report(process, session, clock);
        }
      }
    } finally {
      session.over.abort();
      if (this.#session === session) this.#session = undefined;
    }
  }

  async #open(process: SimProcess): Promise<Session> {
    const up = [...this.#world.managers.values()].filter(({ isUp }) => isUp);
    const manager = up[Math.floor(this.#world.random.float() * up.length)];
    const target = manager?.process;
    if (manager === undefined || target === undefined) throw new Error("no manager");
    const dispatcher = await this.#world.network.call(process, target, callMs, async () => {
      const found = manager.leadership?.dispatcher;
      if (found === undefined) throw new Error("not the leader");
      return found;
    });
    const over = new AbortController();
    const description = workerNode(this.name).description;
    const id = await new Promise<string>((resolve, reject) => {
      this.#stream<SessionMessageInput>(
        process,
        target,
        over,
        (write, signal) =>
          dispatcher.session(this.name, { description, address: this.name }, write, signal),
        ({ sessionId }) => resolve(sessionId ?? ""),
      );
      over.signal.addEventListener("abort", () => reject(new Error("refused")));
      this.#world.timeline.plan(callMs, process, "session timed out", () =>
        reject(new Error("no session")),
      );
    });
    return { manager, process: target, id, dispatcher, over };
  }

  /** A server stream: messages in order, until either side or the link breaks. */
  #stream<M>(
    process: SimProcess,
    target: SimProcess,
    over: AbortController,
    serve: (write: (message: M) => Promise<void>, signal: AbortSignal) => Promise<void>,
    take: (message: M) => void,
  ): void {
    const { network, timeline } = this.#world;
    const served = new AbortController();
    this.#served.set(served, target);
    let lastMs = 0;
    const write = async (message: M): Promise<void> => {
      const delayMs = network.fate(target.name, process.name);
      if (delayMs === undefined) {
        // Keep-alives find out.
        timeline.plan(1_500, process, "stream broke", () => over.abort());
        timeline.plan(1_500, target, "stream broke", () => served.abort(new Error("broken")));
        return;
      }
      lastMs = Math.max(lastMs, timeline.nowMs + delayMs);
      timeline.plan(lastMs - timeline.nowMs, process, "stream message", () => {
        if (!over.signal.aborted) take(message);
      });
    };
    const watch = (): void => {
      timeline.plan(1_500, process, "keep-alive", () => {
        if (over.signal.aborted) return;
        const works =
          network.works(process.name, target.name) && network.works(target.name, process.name);
        if (target.isAlive && works) watch();
        else over.abort();
      });
    };
    over.signal.addEventListener("abort", () => {
      timeline.plan(1, target, "stream closed", () => served.abort(new Error("closed")));
    });
    let isOpen = false;
    timeline.plan(callMs, process, "stream not opened", () => {
      if (!isOpen) over.abort();
    });
    network.carry(process.name, target, "open stream", () => {
      isOpen = true;
      const end = (): void => void timeline.plan(1, process, "stream ended", () => over.abort());
      serve(write, served.signal).then(end, end);
    });
    watch();
  }

  #take(message: AssignmentsMessageInput, session: Session, clock: Clock): void {
    const kept = new Set<string>();
    for (const { action, assignment } of message.changes ?? []) {
      const task = assignment?.task;
      if (task === undefined || task === null) continue;
      const id = task.id ?? "";
      if (action === "ASSIGNMENT_REMOVE") {
        this.#tasks.delete(id);
        continue;
      }
      kept.add(id);
      this.#assign(task as Task, clock);
    }
    if (message.type === "COMPLETE_SET") {
      for (const id of this.#tasks.keys()) if (!kept.has(id)) this.#tasks.delete(id);
    }
    const process = this.#process;
    if (process === undefined) return;
    this.#world.network.carry(process.name, session.process, "acknowledge", () => {
      try {
        session.dispatcher.acknowledge(this.name, session.id, message.resultsIn ?? "");
      } catch {
        // The session has ended over there.
      }
    });
  }

  #assign(task: Task, clock: Clock): void {
    const known = this.#tasks.get(task.id);
    if (known !== undefined) {
      known.task = task;
      this.#tend(known, clock);
      return;
    }
    const said = task.status?.state ?? "ASSIGNED";
    const local: LocalTask = { task, state: said, message: "", isTold: true };
    this.#tasks.set(task.id, local);
    // It ran here in an earlier life of this host.
    if (taskStateOrder(said) > taskStateOrder("ASSIGNED") && !isTerminal(said)) {
      this.#to(local, "FAILED", "lost with the host");
    }
    this.#tend(local, clock);
  }

  /** Plans the task's next step. */
  #tend(local: LocalTask, clock: Clock): void {
    if (isTerminal(local.state)) return;
    const { desiredState, spec } = local.task;
    const image = spec?.container?.image ?? "";
    if (taskStateOrder(desiredState) > taskStateOrder("COMPLETE")) {
      this.#later(local, clock, 300, "SHUTDOWN");
    } else if (local.state === "ASSIGNED") {
      this.#later(local, clock, 200, image.startsWith("refused") ? "REJECTED" : "READY");
    } else if (local.state === "READY") {
      if (taskStateOrder(desiredState) < taskStateOrder("RUNNING")) return;
      this.#later(local, clock, 300, image.startsWith("bad") ? "FAILED" : "RUNNING");
    } else if (local.state === "RUNNING" && desiredState === "COMPLETE") {
      this.#later(local, clock, 1_000, "COMPLETE");
    }
  }

  #later(local: LocalTask, clock: Clock, maxMs: number, to: TaskState): void {
    const from = local.state;
    const { desiredState } = local.task;
    clock.setTimer(randomInteger(this.#world.random, 10, maxMs), () => {
      const isStill = this.#tasks.get(local.task.id) === local && local.state === from;
      if (!isStill || local.task.desiredState !== desiredState) return;
      this.#to(local, to, to === "FAILED" || to === "REJECTED" ? `exit of ${this.name}` : "");
      this.#tend(local, clock);
    });
  }

  #to(local: LocalTask, state: TaskState, message: string): void {
    local.state = state;
    local.message = message;
    local.isTold = false;
  }

  async #report(process: SimProcess, session: Session, clock: Clock): Promise<void> {
    const news = [...this.#tasks.values()].filter(
      ({ isTold, state }) => !isTold && state !== "ASSIGNED",
    );
    if (news.length === 0) return;
    const now = toTimestamp(clock.now());
    const updates = news.map(({ task, state, message }) => ({
      taskId: task.id,
      status: { ...(task.status as TaskStatus), state, message, err: message, timestamp: now },
    }));
    const said = news.map(({ state }) => state);
    await this.#world.network.call(process, session.process, callMs, () =>
      session.dispatcher.updateTaskStatus(this.name, session.id, updates),
    );
    this.#world.count("task status reported");
    for (const [at, local] of news.entries()) if (local.state === said[at]) local.isTold = true;
  }
}

/** The node object of a worker. */
export function workerNode(id: string): ReturnType<typeof aNode> {
  return aNode({
    id,
    description: {
      hostname: id,
      platform: { architecture: "x86_64", os: "linux" },
      resources: { nanoCpus: 8e9, memoryBytes: 16 * 2 ** 30 },
      engine: { engineVersion: "test" },
      dataPathAddress: "10.77.0.1",
    },
    status: { state: "UNKNOWN" },
  });
}
