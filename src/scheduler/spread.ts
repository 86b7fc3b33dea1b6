import type { Node } from "../gen/skep/Node.ts";
import type { Task } from "../gen/skep/Task.ts";
import { Heap } from "./heap.ts";
import { groupKeyOf, type NodeLoad } from "./node-info.ts";

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

/**
 * Orders the nodes for tasks like this one: first by the spread preferences, each level keeping its branches' counts of the service
 * equal; then nodes where the group did not fail 5 times in 5 minutes; fewest tasks of the service; fewest tasks; lowest id.
 */
export function spreadOver(loads: readonly NodeLoad[], task: Task, nowMs: number): Spread {
  const descriptors = (task.spec?.placement?.preferences ?? []).flatMap(({ spread }) =>
    spread ? [spread.descriptor] : [],
  );
  return spreadBy(loads, task, nowMs, descriptors);
}

/** Whether tasks like this one failed on the node so often lately that it comes last. */
export function keepsFailing(load: NodeLoad, groupKey: string, nowMs: number): boolean {
  if (load.failureTimes.size === 0) return false;
  const times = load.failureTimes.get(groupKey) ?? [];
  return times.filter((time) => nowMs - time < failuresWindowMs).length >= failuresMax;
}

function spreadBy(
  loads: readonly NodeLoad[],
  task: Task,
  nowMs: number,
  descriptors: readonly string[],
): Spread {
  const [descriptor, ...rest] = descriptors;
  if (descriptor === undefined) return new Leaf(loads, task, nowMs);
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
    spread: spreadBy(group, task, nowMs, rest),
    serviceCount: group.reduce(
      (sum, load) => sum + (load.serviceCounts.get(task.serviceId) ?? 0),
      0,
    ),
  }));
  return new Fork(branches);
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

  constructor(loads: readonly NodeLoad[], task: Task, nowMs: number) {
    this.#serviceId = task.serviceId;
    const groupKey = groupKeyOf(task);
    const candidates = loads.map((load) => ({
      load,
      keepsFailing: keepsFailing(load, groupKey, nowMs),
      serviceCount: load.serviceCounts.get(task.serviceId) ?? 0,
      taskCount: load.taskCount,
    }));
    this.#candidates = new Heap(candidates, comesBefore);
  }

  take(hasRoom: (load: NodeLoad) => boolean): NodeLoad | undefined {
    for (let best = this.#candidates.first(); best; best = this.#candidates.first()) {
      const { load } = best;
      const serviceCount = load.serviceCounts.get(this.#serviceId) ?? 0;
      if (best.taskCount !== load.taskCount || best.serviceCount !== serviceCount) {
        // Another group filled the node meanwhile; counts only grow, so it can only move back.
        best.taskCount = load.taskCount;
        best.serviceCount = serviceCount;
        this.#candidates.firstChanged();
      } else if (hasRoom(load)) {
        return load;
      } else {
        this.#candidates.removeFirst();
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
