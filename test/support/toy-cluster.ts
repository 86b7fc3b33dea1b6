import { must } from "../../src/base/assert.ts";
import type { Node } from "../../src/gen/skep/Node.ts";
import type { Service } from "../../src/gen/skep/Service.ts";
import type { ServiceSpecInput } from "../../src/gen/skep/ServiceSpec.ts";
import type { Task, TaskInput } from "../../src/gen/skep/Task.ts";
import type { TaskState } from "../../src/gen/skep/TaskState.ts";
import { type Action, earliestWake } from "../../src/manager/orchestrator/actions.ts";
import { type ActionStore, applyAction } from "../../src/manager/orchestrator/change-of-action.ts";
import { enforceConstraints } from "../../src/manager/orchestrator/constraint-enforcer.ts";
import { planOrphans } from "../../src/manager/orchestrator/orphans.ts";
import { planReap } from "../../src/manager/orchestrator/reaper.ts";
import { reconcileService } from "../../src/manager/orchestrator/reconcile-service.ts";
import {
  hasEnded,
  isWanted,
  keepsTasks,
  observedState,
} from "../../src/manager/orchestrator/task-facts.ts";
import { serviceModeOf } from "../../src/model/service-mode.ts";
import { atLeast } from "../../src/model/task-state.ts";
import { toTimestamp } from "../../src/model/time.ts";
import type { InputOf, ObjectOf, TableName } from "../../src/store/objects.ts";
import { aNode, aService, aServiceSpec, aTask, aTaskSpec } from "./builders.ts";

const path: readonly TaskState[] = ["NEW", "PENDING", "ASSIGNED", "PREPARING", "READY", "RUNNING"];

/** What the image of a task does once it is started. */
export type Behaviour = "runs" | "fails" | "is-refused";

/** One service on a few nodes, with an allocator, scheduler and agents that move each task one state at a time. */
export class ToyCluster implements ActionStore {
  nowMs = 1_700_000_000_000;
  historyLimit = 5;
  /** Called after every change. */
  check: () => void = () => {};
  readonly #tables: { [T in TableName]: Map<string, ObjectOf[T]> } = {
    cluster: new Map(),
    node: new Map(),
    service: new Map(),
    task: new Map(),
    network: new Map(),
    secret: new Map(),
    config: new Map(),
  };
  readonly behaviours = new Map<string, Behaviour>();
  #index = 1;
  #ids = 0;

  constructor(spec: ServiceSpecInput, nodeCount = 3) {
    for (let n = 1; n <= nodeCount; n += 1) this.setNode(aNode({ id: `node${n}` }));
    this.#tables.service.set("service1", aService({ spec: aServiceSpec(spec) }));
  }

  get service(): Service {
    return must(this.#tables.service.get("service1"), "the service");
  }

  get hasService(): boolean {
    return this.#tables.service.has("service1");
  }

  get tasks(): Task[] {
    return [...this.#tables.task.values()];
  }

  get nodes(): { get(id: string): Node | undefined; all(): Iterable<Node> } {
    const nodes = this.#tables.node;
    return { get: (id) => nodes.get(id), all: () => nodes.values() };
  }

  /** Tasks observed RUNNING that nobody asked to stop. */
  get serving(): Task[] {
    return this.tasks.filter((task) => isWanted(task) && observedState(task) === "RUNNING");
  }

  setNode(node: Node): void {
    this.#tables.node.set(node.id, node);
  }

  changeNode(id: string, change: Partial<Node>): void {
    this.setNode({ ...must(this.nodes.get(id), id), ...change });
  }

  removeNode(id: string): void {
    this.#tables.node.delete(id);
  }

  /** What control does on an update: keeps the previous spec, forgets the update's status. */
  updateSpec(spec: ServiceSpecInput): void {
    const { service } = this;
    this.update("service", {
      ...service,
      spec: aServiceSpec(spec),
      specVersion: null,
      previousSpec: service.spec,
      previousSpecVersion: service.specVersion,
      updateStatus: null,
      jobStatus: {
        jobIteration: { index: (service.jobStatus?.jobIteration?.index ?? 0) + 1 },
        lastExecution: toTimestamp(this.nowMs),
        lastScheduled: null,
      },
    });
  }

  /** What the rebalancer does. */
  move(taskId: string): void {
    this.update("task", { ...must(this.get("task", taskId), taskId), moving: true });
  }

  removeService(): void {
    this.update("service", { ...this.service, pendingDelete: true });
  }

  get<T extends TableName>(table: T, id: string): ObjectOf[T] | undefined {
    return this.#tables[table].get(id);
  }

  create<T extends TableName>(table: T, object: InputOf[T]): void {
    if (table !== "task") throw new Error(`toy: no ${table} is made`);
    const input = object as TaskInput;
    this.#index += 1;
    const now = toTimestamp(this.nowMs);
    const task = aTask({
      ...input,
      meta: { version: { index: this.#index }, createdAt: now, updatedAt: now },
    });
    this.#tables.task.set(task.id, task);
  }

  update<T extends TableName>(table: T, object: ObjectOf[T]): void {
    this.#index += 1;
    const meta = {
      version: { index: this.#index },
      createdAt: object.meta?.createdAt ?? null,
      updatedAt: toTimestamp(this.nowMs),
    };
    const written = { ...object, meta };
    // As the store does: a spec version left open is that of this write.
    if ("previousSpec" in written) written.specVersion ??= { index: this.#index };
    this.#tables[table].set(object.id, written);
  }

  remove(table: TableName, id: string): void {
    this.#tables[table].delete(id);
  }

  decide(): Action[] {
    return reconcileService(this.get("service", "service1"), this.tasks, this.nodes, {
      nowMs: this.nowMs,
      newId: () => {
        this.#ids += 1;
        return `t${String(this.#ids).padStart(4, "0")}`;
      },
    });
  }

  decideAll(): Action[] {
    const actions = this.decide();
    for (const node of this.nodes.all()) {
      const held = this.tasks.filter((task) => task.nodeId === node.id);
      actions.push(...enforceConstraints(node, held), ...planOrphans(node, held, this.nowMs));
    }
    const rules = { limit: this.historyLimit };
    actions.push(...planReap(this.get("service", "service1"), this.tasks, this.nodes, rules));
    return actions;
  }

  apply(actions: readonly Action[]): void {
    for (const action of actions) applyAction(this, action, this.nowMs);
    this.check();
  }

  /** Moves on what can move; false when nothing could. `pick` chooses among the movable tasks (all by default). */
  moveTasks(pick: (movable: readonly Task[]) => readonly Task[] = (all) => all): boolean {
    const movable = this.tasks.filter((task) => this.#next(task) !== undefined);
    for (const task of pick(movable)) {
      const change = this.#next(task);
      if (change !== undefined) this.#observe(task, change);
      this.check();
    }
    return movable.length > 0;
  }

  observe(taskId: string, state: TaskState): void {
    this.#observe(must(this.get("task", taskId), taskId), { state });
  }

  /** Runs until nothing changes any more, or `forMs` have passed. */
  settle(forMs = 600_000, pick?: (movable: readonly Task[]) => readonly Task[]): void {
    const untilMs = this.nowMs + forMs;
    for (let step = 0; step < 20_000; step += 1) {
      const actions = this.decideAll();
      const changes = actions.filter((action) => action.kind !== "wakeAt");
      this.apply(changes);
      const moved = this.moveTasks(pick);
      if (moved || changes.length > 0) {
        this.nowMs += 10;
        if (this.nowMs > untilMs) return;
        continue;
      }
      const wakeMs = earliestWake(actions);
      if (wakeMs === undefined) return;
      if (wakeMs > untilMs) {
        this.nowMs = untilMs;
        return;
      }
      this.nowMs = Math.max(wakeMs, this.nowMs + 1);
    }
    throw new Error("toy: the cluster does not come to rest");
  }

  #next(task: Task): { state: TaskState; nodeId?: string } | undefined {
    const state = observedState(task);
    if (hasEnded(task)) return undefined;
    const node = this.nodes.get(task.nodeId);
    const isDeaf = task.nodeId !== "" && (node === undefined || node.status?.state === "DOWN");
    if (isDeaf) return undefined;
    if (!isWanted(task)) return atLeast(state, "ASSIGNED") ? { state: "SHUTDOWN" } : undefined;
    const behaviour = this.behaviours.get(task.spec?.container?.image ?? "") ?? "runs";
    switch (state) {
      case "PENDING":
        return this.#schedule(task);
      case "PREPARING":
        return { state: behaviour === "is-refused" ? "REJECTED" : "READY" };
      case "READY":
        if (!atLeast(task.desiredState, "RUNNING")) return undefined;
        return { state: behaviour === "fails" ? "FAILED" : "RUNNING" };
      case "RUNNING":
        return task.desiredState === "COMPLETE" ? { state: "COMPLETE" } : undefined;
      default:
        return { state: must(path[path.indexOf(state) + 1], "the next state") };
    }
  }

  #schedule(task: Task): { state: TaskState; nodeId: string } | undefined {
    if (task.nodeId !== "") return { state: "ASSIGNED", nodeId: task.nodeId };
    const loads = [...this.nodes.all()]
      .filter((node) => keepsTasks(node) && node.spec?.availability !== "PAUSE")
      .map((node) => ({
        id: node.id,
        load: this.tasks.filter((t) => t.nodeId === node.id && isWanted(t)).length,
      }))
      .sort((a, b) => a.load - b.load || (a.id < b.id ? -1 : 1));
    const [best] = loads;
    return best && { state: "ASSIGNED", nodeId: best.id };
  }

  #observe(task: Task, change: { state: TaskState; nodeId?: string }): void {
    const now = toTimestamp(this.nowMs);
    const status = {
      ...must(task.status, "the status"),
      state: change.state,
      timestamp: now,
      appliedAt: now,
      runningAt: change.state === "RUNNING" ? now : (task.status?.runningAt ?? null),
    };
    this.update("task", { ...task, status, nodeId: change.nodeId ?? task.nodeId });
  }
}

/** A spec like the builders', with image `image` and anything else given. */
export function specWith(image: string, given: ServiceSpecInput = {}): ServiceSpecInput {
  return { ...given, task: aTaskSpec({ ...given.task, container: { image } }) };
}

/** Whether the service is of a kind whose tasks run to completion. */
export function isJobSpec(cluster: ToyCluster): boolean {
  const mode = serviceModeOf(cluster.service.spec);
  return mode === "globalJob" || mode === "replicatedJob";
}
