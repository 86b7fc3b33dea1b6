import type { GenericResource } from "../gen/skep/GenericResource.ts";
import type { Task } from "../gen/skep/Task.ts";
import { isAttachment } from "../model/attachment.ts";
import { claimGeneric } from "../model/resources.ts";
import {
  groupKeyOf,
  type Holding,
  holdingOf,
  hostPortsOf,
  type NodeInfo,
  NodeLoad,
} from "./node-info.ts";
import { Pipeline } from "./pipeline.ts";
import { ServiceTallies } from "./service-tallies.ts";
import { SharedOrder } from "./shared-order.ts";
import {
  descriptorsOf,
  keepsFailing,
  type Partition,
  partitionBy,
  type Spread,
  spreadOver,
} from "./spread.ts";

/** A group is small, and uses the order that groups share, when it has less than this part of the nodes. */
const smallGroupPart = 1 / 8;
const stepNodes = 1_000;
const nothing: readonly never[] = [];

/** A task that has a node. */
export interface Assignment {
  readonly taskId: string;
  readonly nodeId: string;
  /** The generic resources set apart for the task. */
  readonly generic: readonly GenericResource[];
}

/** A task that no node can run now, and why. */
export interface Unplaced {
  readonly taskId: string;
  readonly explanation: string;
}

/** What became of each task. */
export interface Placements {
  readonly assignments: readonly Assignment[];
  readonly unplaced: readonly Unplaced[];
}

/** What a task asks for, read from its spec, endpoint and service. */
interface Ask {
  readonly task: Task;
  /** All that the fixed filters look at. */
  readonly shapeKey: string;
  /** All that any filter looks at; `undefined` when that differs from service to service. */
  readonly key: string | undefined;
  readonly pipeline: Pipeline;
  readonly holding: Holding;
}

/** What is known of tasks that ask for the same, as long as nodes only fill up. */
interface Shape {
  readonly candidates: readonly NodeLoad[];
  /** Made when it is first needed. */
  order(): SharedOrder;
  endGroup(): void;
  /** The candidates by what the task's preferences name. Yields after each 1,000 nodes or so. */
  partition(task: Task): Generator<void, Partition>;
}

/**
 * Places tasks onto nodes as they were when it took them up; remembers what it placed. Pure, and can be fed in portions: a big group
 * may come in several. Equal input gives equal output.
 */
export class SchedulingPass {
  /** By id. */
  readonly #loads: NodeLoad[] = [];
  readonly #tallies = new ServiceTallies();
  #loadsById: ReadonlyMap<string, NodeLoad> | undefined;
  readonly #nowMs: number;
  readonly #shapes = new Map<string, Shape>();
  /** Explanations by what was asked for; nodes only fill up, so they hold to the end. */
  readonly #refusals = new Map<string, string>();
  #spread: { readonly groupKey: string; readonly spread: Spread } | undefined;
  /** Of the last task looked at: many portions in a row ask for the same. */
  #ask: Ask | undefined;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** Takes up all nodes, which come by id; to be done first. Yields after each 1,000. */
  *addNodes(nodes: Iterable<NodeInfo>): Generator<void> {
    for (const info of nodes) {
      this.#loads.push(new NodeLoad(info, this.#tallies));
      if (this.#loads.length % stepNodes === 0) yield;
    }
  }

  /**
   * Does what `place` would do first for a group that it has not seen lately, in steps of a few milliseconds: look at each node, and
   * put them in order.
   */
  *prepare(group: readonly Task[]): Generator<void> {
    const first = group[0];
    if (first === undefined || first.nodeId !== "") return;
    yield;
    const ask = this.#askOf(first);
    if (ask.key !== undefined && this.#refusals.has(ask.key)) return;
    const shape = yield* this.#shapeSteps(ask);
    if (this.#sharesOrder(group, first, shape)) return;
    yield* this.#spreadSteps(first, shape);
  }

  /** Places tasks of one group (`groupKeyOf`) that no node was chosen for. */
  place(group: readonly Task[]): Placements {
    const first = group[0];
    if (first === undefined) return { assignments: [], unplaced: [] };
    const ask = this.#askOf(first);
    const { pipeline, holding } = ask;
    const known = ask.key === undefined ? undefined : this.#refusals.get(ask.key);
    if (known !== undefined) return { assignments: [], unplaced: refuse(group, known) };

    const shape = resultOf(this.#shapeSteps(ask));
    const take = this.#taker(group, first, pipeline, shape);
    const assignments: Assignment[] = [];
    for (const task of group) {
      const load = take();
      if (load === undefined) break;
      assignments.push(assign(task, load, holding));
    }
    shape.endGroup();
    if (assignments.length === group.length) return { assignments, unplaced: [] };
    const explanation = pipeline.explain(this.#loads);
    if (ask.key !== undefined) this.#refusals.set(ask.key, explanation);
    return { assignments, unplaced: refuse(group.slice(assignments.length), explanation) };
  }

  /** Checks a task whose node was chosen when it was made: of global services, and attachments, whose container runs there already. */
  placeOnOwnNode(task: Task): Placements {
    this.#loadsById ??= new Map(this.#loads.map((load) => [load.id, load]));
    const load = this.#loadsById.get(task.nodeId);
    const pipeline = new Pipeline(task);
    if (load !== undefined && (isAttachment(task) || pipeline.fits(load))) {
      return { assignments: [assign(task, load, holdingOf(task))], unplaced: [] };
    }
    const explanation = pipeline.explain(load === undefined ? [] : [load]);
    return { assignments: [], unplaced: refuse([task], explanation) };
  }

  #taker(
    group: readonly Task[],
    first: Task,
    pipeline: Pipeline,
    shape: Shape,
  ): () => NodeLoad | undefined {
    const groupKey = groupKeyOf(first);
    const hasRoom = (load: NodeLoad) => pipeline.hasRoom(load);
    const suits = (load: NodeLoad) =>
      load.countOf(first.serviceId) === 0 &&
      hasRoom(load) &&
      !keepsFailing(load, groupKey, this.#nowMs);
    let shared = this.#sharesOrder(group, first, shape) ? shape.order() : undefined;
    let spread: Spread | undefined;
    return () => {
      const load = shared?.take(suits);
      if (load !== undefined) return load;
      shared = undefined;
      spread ??= resultOf(this.#spreadSteps(first, shape));
      return spread.take(hasRoom);
    };
  }

  #sharesOrder(group: readonly Task[], first: Task, shape: Shape): boolean {
    return (
      (first.spec?.placement?.preferences.length ?? 0) === 0 &&
      group.length <= shape.candidates.length * smallGroupPart &&
      this.#spread?.groupKey !== groupKeyOf(first)
    );
  }

  /** The order of nodes for this group; only the last group's is kept. */
  *#spreadSteps(first: Task, shape: Shape): Generator<void, Spread> {
    const groupKey = groupKeyOf(first);
    if (this.#spread?.groupKey === groupKey) return this.#spread.spread;
    const spread = yield* spreadOver(yield* shape.partition(first), first, this.#nowMs);
    this.#spread = { groupKey, spread };
    return spread;
  }

  #askOf(task: Task): Ask {
    const last = this.#ask;
    if (
      last?.task.spec === task.spec &&
      last.task.endpoint === task.endpoint &&
      last.task.serviceId === task.serviceId
    ) {
      return last;
    }
    const shapeKey = shapeKeyOf(task);
    this.#ask = {
      task,
      shapeKey,
      key: askKeyOf(task, shapeKey),
      pipeline: new Pipeline(task),
      holding: holdingOf(task),
    };
    return this.#ask;
  }

  *#shapeSteps({ shapeKey: key, pipeline }: Ask): Generator<void, Shape> {
    const known = this.#shapes.get(key);
    if (known !== undefined) return known;
    const candidates: NodeLoad[] = [];
    let seen = 0;
    for (const load of this.#loads) {
      if (pipeline.mayEverFit(load)) candidates.push(load);
      seen += 1;
      if (seen % stepNodes === 0) yield;
    }
    const setAsideMax = Math.ceil(candidates.length * smallGroupPart);
    let order: SharedOrder | undefined;
    const partitions = new Map<string, Partition>();
    const shape: Shape = {
      candidates,
      order() {
        order ??= new SharedOrder(candidates, setAsideMax);
        return order;
      },
      endGroup: () => order?.endGroup(),
      *partition(like) {
        const descriptors = descriptorsOf(like);
        const name = JSON.stringify(descriptors);
        const made = partitions.get(name) ?? (yield* partitionBy(candidates, descriptors));
        partitions.set(name, made);
        return made;
      },
    };
    this.#shapes.set(key, shape);
    return shape;
  }
}

/** What the steps come to, without pauses. */
function resultOf<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function assign(task: Task, load: NodeLoad, holding: Holding): Assignment {
  const generic = claim(load, holding.reserved.generic);
  load.hold(holding, generic);
  load.count(task.serviceId);
  return { taskId: task.id, nodeId: load.id, generic };
}

function claim(load: NodeLoad, wanted: ReadonlyMap<string, number>): readonly GenericResource[] {
  if (wanted.size === 0) return nothing;
  const offered = load.node.description?.resources?.generic ?? [];
  return claimGeneric(wanted, offered, load.takenGeneric) ?? nothing;
}

function refuse(tasks: readonly Task[], explanation: string): readonly Unplaced[] {
  return tasks.map((task) => ({ taskId: task.id, explanation }));
}

function shapeKeyOf(task: Task): string {
  const placement = task.spec?.placement;
  const drivers = (task.spec?.container?.mounts ?? []).map((mount) => [
    mount.type,
    mount.volume?.driver,
  ]);
  return JSON.stringify([
    placement?.constraints,
    placement?.platforms,
    drivers,
    task.spec?.logDriver?.name,
  ]);
}

function askKeyOf(task: Task, shapeKey: string): string | undefined {
  if ((task.spec?.placement?.maxReplicasPerNode ?? 0) > 0) return undefined;
  const reservations = task.spec?.resources?.reservations;
  return `${shapeKey}${JSON.stringify([reservations, hostPortsOf(task)])}`;
}
