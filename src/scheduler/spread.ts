import type { Node } from "../gen/skep/Node.ts";
import type { Task } from "../gen/skep/Task.ts";
import { Heap } from "./heap.ts";
import { groupKeyOf, type NodeLoad } from "./node-info.ts";

const stepNodes = 1_000;
const failuresMax = 5;
const failuresWindowMs = 5 * 60_000;

interface Candidate {
  readonly load: NodeLoad;
  readonly keepsFailing: boolean;
  serviceCount: number;
  taskCount: number;
}

/** Hands out nodes of a group of tasks in the order in which they should take tasks. */
export interface Spread {
  /** Gives the best node for which `hasRoom` holds, and takes it that the task goes there. `undefined` when there is none. */
  take(hasRoom: (load: NodeLoad) => boolean): NodeLoad | undefined;
}

/** The branches of one preference's values; each branch is a Spread in itself. */
interface Branch {
  readonly value: string;
  readonly spread: Spread;
  serviceCount: number;
}

/** Nodes sorted by the values of spread preferences, level by level; the same for all tasks with these preferences. */
export type Partition =
  | { readonly loads: readonly NodeLoad[] }
  | { readonly branches: readonly { readonly value: string; readonly part: Partition }[] };

/** The labels that the task's preferences name. */
export function descriptorsOf(task: Task): readonly string[] {
  const preferences = task.spec?.placement?.preferences ?? [];
  return preferences.flatMap(({ spread }) => (spread ? [spread.descriptor] : []));
}

export function partitionBy(loads: readonly NodeLoad[], descriptors: readonly string[]): Partition {
  const [descriptor, ...rest] = descriptors;
  if (descriptor === undefined) return { loads };
  const groups = new Map<string, NodeLoad[]>();
  const labelOf = labelReader(descriptor);
  for (const load of loads) {
    const value = labelOf(load.node);
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [load]);
    else group.push(load);
  }
  const branches = Array.from(groups, ([value, group]) => ({
    value,
    part: partitionBy(group, rest),
  }));
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
    const candidates: Candidate[] = [];
    const groupKey = groupKeyOf(task);
    for (const load of partition.loads) {
      const count = load.serviceCounts.get(task.serviceId) ?? 0;
      serviceCount += count;
      candidates.push({
        load,
        keepsFailing: keepsFailing(load, groupKey, nowMs),
        serviceCount: count,
        taskCount: load.taskCount,
      });
      if (candidates.length % stepNodes === 0) yield;
    }
    yield;
    return { spread: new Leaf(candidates, task.serviceId), serviceCount };
  }
  const branches: Branch[] = [];
  for (const { value, part } of partition.branches) {
    const branch = { value, ...(yield* spreadOf(part, task, nowMs)) };
    serviceCount += branch.serviceCount;
    branches.push(branch);
  }
  return { spread: new Fork(branches), serviceCount };
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

class Fork implements Spread {
  readonly #branches: Heap<Branch>;

  constructor(branches: Branch[]) {
    this.#branches = new Heap(branches, (a, b) =>
      a.serviceCount !== b.serviceCount ? a.serviceCount < b.serviceCount : a.value < b.value,
    );
  }

  take(hasRoom: (load: NodeLoad) => boolean): NodeLoad | undefined {
    for (let best = this.#branches.first(); best; best = this.#branches.first()) {
      const load = best.spread.take(hasRoom);
      if (load === undefined) {
        // A branch without room stays so: placing only fills nodes.
        this.#branches.removeFirst();
        continue;
      }
      best.serviceCount += 1;
      this.#branches.firstChanged();
      return load;
    }
    return undefined;
  }
}

class Leaf implements Spread {
  readonly #serviceId: string;
  readonly #candidates: Heap<Candidate>;

  constructor(candidates: Candidate[], serviceId: string) {
    this.#serviceId = serviceId;
    this.#candidates = new Heap(candidates, comesBefore);
  }

  take(hasRoom: (load: NodeLoad) => boolean): NodeLoad | undefined {
    const candidates = this.#candidates;
    for (let best = candidates.first(); best; best = candidates.first()) {
      const { load } = best;
      const serviceCount = load.serviceCounts.get(this.#serviceId) ?? 0;
      if (best.taskCount !== load.taskCount || best.serviceCount !== serviceCount) {
        // Another group filled the node meanwhile; counts only grow, so it can only move back.
        best.taskCount = load.taskCount;
        best.serviceCount = serviceCount;
        candidates.firstChanged();
      } else if (hasRoom(load)) {
        return load;
      } else {
        candidates.removeFirst();
      }
    }
    return undefined;
  }
}

function comesBefore(a: Candidate, b: Candidate): boolean {
  if (a.keepsFailing !== b.keepsFailing) return b.keepsFailing;
  if (a.serviceCount !== b.serviceCount) return a.serviceCount < b.serviceCount;
  if (a.taskCount !== b.taskCount) return a.taskCount < b.taskCount;
  return a.load.node.id < b.load.node.id;
}
