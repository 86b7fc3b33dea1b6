import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep, type Timer } from "../base/clock.ts";
import { isClusterError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Task } from "../gen/skep/Task.ts";
import { isTerminal } from "../model/task-state.ts";
import { toTimestamp } from "../model/time.ts";
import type { StoreEvent } from "../store/objects.ts";
import type { Store } from "../store/store.ts";
import type { Transaction } from "../store/store-view.ts";
import { takesTasks } from "./filters/ready.ts";
import { NodeCache } from "./node-cache.ts";
import { needsScheduling, placePortion, portionsOf } from "./schedule.ts";
import { type Assignment, type Placements, SchedulingPass } from "./scheduling-pass.ts";

const debounceMs = 10;
const debounceMaxMs = 100;
/** No synchronous stretch of the daemon may be longer than 10 ms. */
const sliceMs = 5;
const portionTasks = 100;
/** More tasks wait for the next pass, so that no list of all of them has to be made at a stretch. */
const passTasksMax = 5_000;

export interface SchedulerLoopDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Takes tasks that are PENDING to ASSIGNED, or writes into their status why no node suits. Runs on the leader only. */
export class SchedulerLoop {
  readonly #deps: SchedulerLoopDeps;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  readonly #nodes = new NodeCache();
  /** Tasks to be placed in the next pass. */
  readonly #pending = new Set<string>();
  /** Tasks that did not fit; tried again when nodes change or room is made. */
  readonly #waiting = new Set<string>();
  #roomMade = false;
  #timer: Timer | undefined;
  #firstChangeMs: number | undefined;
  #pass: Promise<void> | undefined;
  #unsubscribe: readonly (() => void)[] = [];

  constructor(deps: SchedulerLoopDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff({ initialMs: 50, maxMs: 5_000, random: deps.random });
  }

  start(): void {
    const { store } = this.#deps;
    this.#unsubscribe = [
      store.subscribe((events) => this.#note(events)),
      store.onReset(() => this.#readAll()),
    ];
    this.#readAll();
  }

  /** Resolves when a commit under way has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#timer?.cancel();
    await this.#pass;
  }

  #readAll(): void {
    const view = this.#deps.store.view();
    this.#nodes.reset(view);
    this.#waiting.clear();
    this.#pending.clear();
    for (const task of view.all("task")) if (needsScheduling(task)) this.#pending.add(task.id);
    this.#changed();
  }

  #note(events: readonly StoreEvent[]): void {
    let isNews = false;
    for (const event of events) {
      this.#nodes.note(event);
      if (makesRoom(event)) this.#roomMade = true;
      if (event.table !== "task") continue;
      const { id } = event.object;
      if (event.kind === "remove" || !needsScheduling(event.object)) {
        this.#waiting.delete(id);
      } else if (!this.#waiting.has(id)) {
        // One that waits comes by here too, when its explanation is written: that is no news.
        this.#pending.add(id);
        isNews = true;
      }
    }
    if (this.#retryWaiting() || isNews) this.#changed();
  }

  /** Takes the tasks that wait for room up again, once there may be some. */
  #retryWaiting(): boolean {
    // While a pass runs, tasks may still come to wait that knew nothing of the new room.
    if (!this.#roomMade || this.#pass !== undefined) return false;
    this.#roomMade = false;
    for (const id of this.#waiting) this.#pending.add(id);
    this.#waiting.clear();
    return true;
  }

  /** Runs a pass 10 ms after the last change, and at most 100 ms after the first. */
  #changed(): void {
    if (this.#pending.size === 0 || this.#pass !== undefined) return;
    if (this.#stopping.signal.aborted) return;
    const nowMs = this.#deps.clock.monotonic();
    this.#firstChangeMs ??= nowMs;
    this.#timer?.cancel();
    const delayMs = Math.min(debounceMs, this.#firstChangeMs + debounceMaxMs - nowMs);
    this.#timer = this.#deps.clock.setTimer(delayMs, () => {
      this.#firstChangeMs = undefined;
      this.#pass = this.#run().finally(() => {
        this.#pass = undefined;
        this.#retryWaiting();
        this.#changed();
      });
    });
  }

  async #run(): Promise<void> {
    const { log } = this.#deps;
    const taken = new Set<string>();
    for (const id of this.#pending) {
      if (taken.size === passTasksMax) break;
      taken.add(id);
      this.#pending.delete(id);
    }
    try {
      await this.#place(taken);
      this.#backoff.reset();
    } catch (error) {
      for (const id of taken) this.#pending.add(id);
      const level = isClusterError(error, "NOT_LEADER", "UNAVAILABLE") ? log.debug : log.warn;
      level({ err: error }, "scheduling stopped, trying again later");
      const delayMs = this.#backoff.nextMs();
      // Rejects only when the loop is stopping.
      await sleep(this.#deps.clock, delayMs, this.#stopping.signal).catch(() => {});
    }
  }

  async #place(taskIds: ReadonlySet<string>): Promise<void> {
    const { store, clock } = this.#deps;
    let startMs = clock.monotonic();
    const isTimeUp = () => clock.monotonic() - startMs >= sliceMs;
    const pause = async () => {
      await sleep(clock, 0);
      startMs = clock.monotonic();
    };
    while (!this.#nodes.refresh(store.view(), isTimeUp)) await pause();
    const tasks: Task[] = [];
    for (const id of taskIds) {
      const task = store.view().get("task", id);
      if (task !== undefined && needsScheduling(task)) tasks.push(task);
    }
    const pass = new SchedulingPass(this.#nodes.infos(), clock.now());
    let open: Placements[] = [];
    for (const portion of portionsOf(tasks, portionTasks)) {
      if (this.#stopping.signal.aborted) return;
      open.push(placePortion(pass, portion));
      if (!isTimeUp()) continue;
      await this.#commit(open);
      open = [];
      await pause();
    }
    await this.#commit(open);
  }

  async #commit(placements: readonly Placements[]): Promise<void> {
    const { store, clock } = this.#deps;
    const nowMs = clock.now();
    const changes: ((tx: Transaction) => void)[] = [];
    for (const { assignments, unplaced } of placements) {
      for (const { taskId, explanation } of unplaced) {
        this.#waiting.add(taskId);
        changes.push((tx) => writeExplanation(tx, taskId, explanation, nowMs));
      }
      for (const assignment of assignments) {
        changes.push((tx) => {
          if (!writeAssignment(tx, assignment, nowMs)) this.#pending.add(assignment.taskId);
        });
      }
    }
    await store.batch(changes);
  }
}

/** False when the node cannot take tasks any more: the task has to be placed again. */
function writeAssignment(tx: Transaction, assignment: Assignment, nowMs: number): boolean {
  const task = tx.get("task", assignment.taskId);
  if (task === undefined || !needsScheduling(task)) return true;
  const node = tx.get("node", assignment.nodeId);
  if (node === undefined || !takesTasks(node)) return false;
  tx.update("task", {
    ...task,
    nodeId: node.id,
    assignedGenericResources: [...assignment.generic],
    status: statusOf(task, "ASSIGNED", "scheduler assigned task to node", "", nowMs),
  });
  return true;
}

function writeExplanation(tx: Transaction, taskId: string, err: string, nowMs: number): void {
  const task = tx.get("task", taskId);
  if (task === undefined || !needsScheduling(task) || task.status?.err === err) return;
  const message = task.status?.message || "pending task scheduling";
  tx.update("task", { ...task, status: statusOf(task, "PENDING", message, err, nowMs) });
}

function statusOf(
  task: Task,
  state: "PENDING" | "ASSIGNED",
  message: string,
  err: string,
  nowMs: number,
): Task["status"] {
  return {
    container: null,
    portStatus: null,
    appliedBy: "",
    appliedAt: null,
    runningAt: null,
    ...task.status,
    state,
    message,
    err,
    timestamp: toTimestamp(nowMs),
  };
}

/** Whether after this event a task may fit that did not fit before. */
function makesRoom(event: StoreEvent): boolean {
  if (event.table === "node") return event.kind !== "remove";
  if (event.table !== "task" || event.object.nodeId === "") return false;
  return event.kind === "remove" || isTerminal(event.object.status?.state ?? "NEW");
}
