import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep, type Timer } from "../base/clock.ts";
import { isClusterError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Task } from "../gen/skep/Task.ts";
import type { Timestamp } from "../gen/skep/Timestamp.ts";
import { isTerminal } from "../model/task-state.ts";
import { toTimestamp } from "../model/time.ts";
import type { StoreEvent } from "../store/objects.ts";
import { IdSet } from "./id-set.ts";
import { NodeCache } from "./node-cache.ts";
import type { PlacementStore, PlacementTransaction } from "./placement-store.ts";
import { needsScheduling, placePortion } from "./schedule.ts";
import { type Assignment, type Placements, SchedulingPass } from "./scheduling-pass.ts";
import { Slice } from "./slice.ts";
import { TaskQueue } from "./task-queue.ts";
import { writeAssignment, writeExplanation } from "./write-placement.ts";

const debounceMs = 10;
const debounceMaxMs = 100;
/** The rest of the 10 ms that a stretch may take is left to garbage collections, which come with many new objects. */
const sliceMs = 1;
const portionTasks = 100;
/** As many as the store puts into one entry; at first fewer, since code that V8 has not compiled takes ten times as long. */
const entryTasks = 50;
const firstEntryTasks = 10;
/** Written by one function, as a function and its variables for each task is much for the garbage collector. Divides the two above. */
const changeTasks = 10;
/** Asking the time takes as long as reading a task. */
const readTasks = 16;
/** A pass that is older begins anew when nodes are no longer as they were at its start. */
const passMs = 1_000;

type Change = (tx: PlacementTransaction) => void;

export interface SchedulerLoopDeps {
  readonly store: PlacementStore;
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
  /** Tasks to be placed. */
  readonly #queue = new TaskQueue();
  /** Where there may be more of them: all that is in the store, or all that waited for room. Read in slices. */
  #unread: Iterator<Task>[] = [];
  /** Taken from the queue, and nothing written about them yet. */
  readonly #open = new Set<string>();
  #entryTasks = firstEntryTasks;
  /** Tasks that did not fit; tried again when nodes change or room is made. */
  #waiting = new IdSet();
  #roomMade = false;
  /** The pass under way knows nodes as they no longer are: by something that it did not do, or so that it cannot go on. */
  #isOutdated: "no" | "soon" | "now" = "no";
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
    this.#isOutdated = "now";
    this.#waiting = new IdSet();
    this.#queue.clear();
    this.#unread = [view.all("task")[Symbol.iterator]()];
    this.#changed();
  }

  #note(events: readonly StoreEvent[]): void {
    let isNews = false;
    for (const event of events) {
      if (this.#nodes.note(event) && this.#isOutdated === "no") this.#isOutdated = "soon";
      if (makesRoom(event)) this.#roomMade = true;
      if (event.table !== "task") continue;
      const { id } = event.object;
      if (event.kind === "remove" || !needsScheduling(event.object)) {
        this.#waiting.delete(id);
      } else if (!this.#waiting.has(id)) {
        // One that waits comes by here too, when its explanation is written: that is no news.
        this.#queue.add(event.object);
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
    if (this.#waiting.size === 0) return false;
    this.#unread.push(this.#tasksOf(this.#waiting));
    this.#waiting = new IdSet();
    return true;
  }

  *#tasksOf(ids: Iterable<string>): Generator<Task> {
    for (const id of ids) {
      const task = this.#deps.store.view().get("task", id);
      if (task !== undefined) yield task;
    }
  }

  /** Runs a pass 10 ms after the last change, and at most 100 ms after the first. */
  #changed(): void {
    if (this.#queue.size + this.#unread.length === 0 || this.#pass !== undefined) return;
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
    try {
      await this.#place(new Slice(this.#deps.clock, sliceMs));
      this.#backoff.reset();
    } catch (error) {
      for (const id of this.#open) this.#waiting.delete(id);
      this.#unread.push(this.#tasksOf([...this.#open]));
      this.#open.clear();
      const level = isClusterError(error, "NOT_LEADER", "UNAVAILABLE") ? log.debug : log.warn;
      level({ err: error }, "scheduling stopped, trying again later");
      const delayMs = this.#backoff.nextMs();
      // Rejects only when the loop is stopping.
      await sleep(this.#deps.clock, delayMs, this.#stopping.signal).catch(() => {});
    }
  }

  /** One pass: places until nothing is left in the queue, or what it knows of nodes is too old. */
  async #place(slice: Slice): Promise<void> {
    const { store, clock } = this.#deps;
    const startMs = clock.monotonic();
    this.#isOutdated = "no";
    while (!this.#nodes.refresh(store.view(), () => slice.isTimeUp())) await slice.pause();
    if (slice.isTimeUp()) await slice.pause();
    const pass = new SchedulingPass(clock.now());
    for (const _ of pass.addNodes(this.#nodes.infos())) if (slice.isTimeUp()) await slice.pause();
    let placements: Placements[] = [];
    while (!this.#stopping.signal.aborted) {
      if (slice.isTimeUp()) {
        await this.#commit(placements, slice);
        placements = [];
        await slice.pause();
      }
      if (this.#isTooOld(startMs)) break;
      if (this.#readSome(slice)) continue;
      const ids = this.#queue.take(portionTasks);
      if (ids.length === 0) break;
      const portion = this.#openTasks(ids);
      for (const _ of pass.prepare(portion)) if (slice.isTimeUp()) await slice.pause();
      placements.push(placePortion(pass, portion));
    }
    if (!this.#stopping.signal.aborted) await this.#commit(placements, slice);
  }

  /** The tasks that are still to be placed; each is taken in hand once, however often it was queued. */
  #openTasks(ids: readonly string[]): readonly Task[] {
    const view = this.#deps.store.view();
    const tasks: Task[] = [];
    for (const id of ids) {
      const task = view.get("task", id);
      if (task === undefined || !needsScheduling(task)) continue;
      if (this.#open.has(id) || this.#waiting.has(id)) continue;
      this.#open.add(id);
      tasks.push(task);
    }
    return tasks;
  }

  #isTooOld(startMs: number): boolean {
    if (this.#isOutdated !== "soon") return this.#isOutdated === "now";
    return this.#deps.clock.monotonic() - startMs >= passMs;
  }

  /** Reads on where more tasks may be, for the rest of the slice; false when all is read. */
  #readSome(slice: Slice): boolean {
    let read = 0;
    for (let source = this.#unread[0]; source !== undefined; source = this.#unread[0]) {
      const next = source.next();
      if (next.done) this.#unread.shift();
      else if (needsScheduling(next.value)) this.#queue.add(next.value);
      read += 1;
      if (read % readTasks === 0 && slice.isTimeUp()) return true;
    }
    return false;
  }

  /** One entry at a time: making one is a stretch of its own, apart from placing and from applying the one before. */
  async #commit(placements: readonly Placements[], slice: Slice): Promise<void> {
    const changes = this.#changesOf(placements);
    for (let from = 0, to = 0; from < changes.length; from = to) {
      if (from > 0 || slice.isTimeUp()) await slice.pause();
      to = from + Math.ceil(this.#entryTasks / changeTasks);
      await this.#deps.store.batch(changes.slice(from, to));
      this.#entryTasks = Math.min(this.#entryTasks * 2, entryTasks);
    }
    this.#open.clear();
  }

  #changesOf(placements: readonly Placements[]): readonly Change[] {
    const now = toTimestamp(this.#deps.clock.now());
    const changes: Change[] = [];
    for (const { assignments, unplaced } of placements) {
      for (const { taskId } of unplaced) this.#waiting.add(taskId);
      for (const part of partsOf(unplaced)) {
        changes.push((tx) => {
          for (const { taskId, explanation } of part)
            writeExplanation(tx, taskId, explanation, now);
        });
      }
      for (const part of partsOf(assignments)) {
        changes.push((tx) => {
          for (const assignment of part) this.#assign(tx, assignment, now);
        });
      }
    }
    return changes;
  }

  #assign(tx: PlacementTransaction, assignment: Assignment, now: Timestamp): void {
    const refused = writeAssignment(tx, assignment, now, this.#isOutdated !== "no");
    if (refused === undefined) return;
    this.#isOutdated = "now";
    this.#queue.add(refused);
  }
}

function partsOf<T>(all: readonly T[]): (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let from = 0; from < all.length; from += changeTasks) {
    parts.push(all.slice(from, from + changeTasks));
  }
  return parts;
}

/** Whether after this event a task may fit that did not fit before. */
function makesRoom(event: StoreEvent): boolean {
  if (event.table === "node") return event.kind !== "remove";
  if (event.table !== "task" || event.object.nodeId === "") return false;
  return event.kind === "remove" || isTerminal(event.object.status?.state ?? "NEW");
}
