import type { Node } from "../gen/skep/Node.ts";
import type { Task } from "../gen/skep/Task.ts";
import { IndexHeap } from "./index-heap.ts";
import { groupKeyOf, type NodeLoad } from "./node-info.ts";

const stepNodes = 1_000;
const failuresMax = 5;
const failuresWindowMs = 5 * 60_000;

// A node's key: whether it keeps failing, tasks of the service, tasks; so many of each that a number holds all exactly.
const taskCountsEnd = 2 ** 26;
const keepsFailingKey = 2 ** 52;

/** Hands out nodes of a group of tasks in the order in which they should take tasks. */
export interface Spread {
  /** Gives the best node for which `hasRoom` holds, and takes it that the task goes there. `undefined` when there is none. */
  take(hasRoom: (load: NodeLoad) => boolean): NodeLoad | undefined;
}

/** Nodes, by id, sorted by the values of spread preferences, level by level; the same for all tasks with these preferences. */
export type Partition =
  | { readonly loads: readonly NodeLoad[] }
  /** One for each value, in their order. */
  | { readonly branches: readonly Partition[] };

/** The labels that the task's preferences name. */
export function descriptorsOf(task: Task): readonly string[] {
  const preferences = task.spec?.placement?.preferences ?? [];
  return preferences.flatMap(({ spread }) => (spread ? [spread.descriptor] : []));
}

/** Yields after each 1,000 nodes or so. `loads` are in order of ids. */
export function* partitionBy(
  loads: readonly NodeLoad[],
  descriptors: readonly string[],
): Generator<void, Partition> {
  const [descriptor, ...rest] = descriptors;
  if (descriptor === undefined) return { loads };
  const groups = new Map<string, NodeLoad[]>();
  const labelOf = labelReader(descriptor);
  let seen = 0;
  for (const load of loads) {
    const value = labelOf(load.node);
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [load]);
    else group.push(load);
    seen += 1;
    if (seen % stepNodes === 0) yield;
  }
  const branches: Partition[] = [];
  for (const [, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    branches.push(yield* partitionBy(group, rest));
  }
  return { branches };
}

/**
 * Orders the nodes for tasks like this one: first by the spread preferences, each level keeping its branches' counts of the service
 * equal; then nodes where the group did not fail 5 times in 5 minutes; fewest tasks of the service; fewest tasks; lowest id.
 * Yields after each 1,000 nodes or so.
 */
export function* spreadOver(
  partition: Partition,
  task: Task,
  nowMs: number,
): Generator<void, Spread> {
  return (yield* spreadOf(partition, task, nowMs)).spread;
}

/** Whether tasks like this one failed on the node so often lately that it comes last. */
export function keepsFailing(load: NodeLoad, groupKey: string, nowMs: number): boolean {
  if (load.failureTimes.size === 0) return false;
  const times = load.failureTimes.get(groupKey) ?? [];
  return times.filter((time) => nowMs - time < failuresWindowMs).length >= failuresMax;
}

function* spreadOf(
  partition: Partition,
  task: Task,
  nowMs: number,
): Generator<void, { readonly spread: Spread; readonly serviceCount: number }> {
  let serviceCount = 0;
  if ("loads" in partition) {
    const { loads } = partition;
    const keys = new Float64Array(loads.length);
    for (let from = 0; from < loads.length; from += stepNodes) {
      serviceCount += setKeys(keys, loads, from, task, nowMs);
      yield;
    }
    return { spread: new Leaf(loads, keys, task.serviceId), serviceCount };
  }
  const branches: Spread[] = [];
  const keys = new Float64Array(partition.branches.length);
  for (const [at, part] of partition.branches.entries()) {
    const branch = yield* spreadOf(part, task, nowMs);
    serviceCount += branch.serviceCount;
    keys[at] = branch.serviceCount;
    branches.push(branch.spread);
  }
  return { spread: new Fork(branches, keys), serviceCount };
}

// Sets the keys of one step; gives how many tasks of the service are there. Not within the generator: in one, V8 makes an object of each number.
function setKeys(
  keys: Float64Array,
  loads: readonly NodeLoad[],
  from: number,
  task: Task,
  nowMs: number,
): number {
  const { serviceId } = task;
  const groupKey = groupKeyOf(task);
  const end = Math.min(from + stepNodes, loads.length);
  let serviceCount = 0;
  for (let at = from; at < end; at += 1) {
    const load = loads[at];
    if (load === undefined) break;
    const count = load.countOf(serviceId);
    serviceCount += count;
    const failing = keepsFailing(load, groupKey, nowMs);
    keys[at] = (failing ? keepsFailingKey : 0) + count * taskCountsEnd + load.taskCount;
  }
  return serviceCount;
}

/** Nodes without the label form one branch, of the empty value. */
function labelReader(descriptor: string): (node: Node) => string {
  const match = /^(node|engine)\.labels\.(.+)$/.exec(descriptor);
  const key = match?.[2];
  if (match === null || key === undefined) return () => "";
  const ofNode = match[1] === "node";
  return (node) => {
    const labels = ofNode ? node.spec?.annotations?.labels : node.description?.engine?.labels;
    return labels !== undefined && Object.hasOwn(labels, key) ? (labels[key] ?? "") : "";
  };
}

/** Takes from the branch with the fewest tasks of the service. */
class Fork implements Spread {
  readonly #branches: readonly Spread[];
  readonly #heap: IndexHeap;

  constructor(branches: readonly Spread[], serviceCounts: Float64Array) {
    this.#branches = branches;
    this.#heap = new IndexHeap(serviceCounts);
  }

  take(hasRoom: (load: NodeLoad) => boolean): NodeLoad | undefined {
    const heap = this.#heap;
    for (let best = heap.first(); best !== undefined; best = heap.first()) {
      const load = this.#branches[best]?.take(hasRoom);
      if (load !== undefined) {
        heap.changeFirst(heap.firstKey() + 1);
        return load;
      }
      // A branch without room stays so: placing only fills nodes.
      heap.removeFirst();
    }
    return undefined;
  }
}

class Leaf implements Spread {
  readonly #loads: readonly NodeLoad[];
  readonly #serviceId: string;
  readonly #heap: IndexHeap;

  constructor(loads: readonly NodeLoad[], keys: Float64Array, serviceId: string) {
    this.#loads = loads;
    this.#serviceId = serviceId;
    this.#heap = new IndexHeap(keys);
  }

  take(hasRoom: (load: NodeLoad) => boolean): NodeLoad | undefined {
    const heap = this.#heap;
    for (let best = heap.first(); best !== undefined; best = heap.first()) {
      const load = this.#loads[best];
      if (load === undefined) break;
      const key = heap.firstKey();
      if (key - Math.floor(key / taskCountsEnd) * taskCountsEnd !== load.taskCount) {
        // Another group filled the node meanwhile; counts only grow, so it can only move back.
        const serviceCount = load.countOf(this.#serviceId);
        const failing = key >= keepsFailingKey ? keepsFailingKey : 0;
        heap.changeFirst(failing + serviceCount * taskCountsEnd + load.taskCount);
      } else if (hasRoom(load)) {
        heap.changeFirst(key + taskCountsEnd + 1);
        return load;
      } else {
        heap.removeFirst();
      }
    }
    return undefined;
  }
}
