import type { GenericResource } from "../gen/skep/GenericResource.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { Task } from "../gen/skep/Task.ts";
import { type ResourceAmounts, reservationsOf } from "../model/resources.ts";
import { atLeast, isTerminal } from "../model/task-state.ts";
import { timestampMs } from "../model/time.ts";
import type { ServiceTallies } from "./service-tallies.ts";

/** What a node has to offer and what is on it, as far as placing tasks goes. */
export interface NodeInfo {
  readonly node: Node;
  /** Tasks that are meant to run here. */
  readonly taskCount: number;
  /** How many of them are of the service. */
  countOf(serviceId: string): number;
  /** What is not reserved; below 0 when more is reserved than the node has now. */
  readonly freeNanoCpus: number;
  readonly freeMemoryBytes: number;
  readonly takenGeneric: readonly GenericResource[];
  /** Host-mode ports in use: "tcp/80". */
  readonly hostPorts: ReadonlySet<string>;
  /** When tasks failed here, by `groupKeyOf`; wall clock, ms. */
  readonly failureTimes: ReadonlyMap<string, readonly number[]>;
}

/** Tasks of one group have equal specs and can be placed alike. */
export function groupKeyOf(task: Pick<Task, "id" | "serviceId" | "specVersion">): string {
  if (task.serviceId === "") return `task/${task.id}`;
  return `${task.serviceId}/${task.specVersion?.index ?? 0}`;
}

/** The ports the task needs on its node itself; those the node may choose are not among them. */
export function hostPortsOf(task: Pick<Task, "endpoint">): readonly string[] {
  const endpoint = task.endpoint;
  if (endpoint === null) return [];
  const ports = endpoint.ports.length > 0 ? endpoint.ports : (endpoint.spec?.ports ?? []);
  return ports
    .filter((port) => port.publishMode === "HOST" && port.publishedPort > 0)
    .map((port) => `${port.protocol.toLowerCase()}/${port.publishedPort}`);
}

/** What a task takes of its node; the same for all tasks of a group. */
export interface Holding {
  readonly reserved: ResourceAmounts;
  readonly ports: readonly string[];
}

export function holdingOf(task: Task): Holding {
  return { reserved: reservationsOf(task), ports: hostPortsOf(task) };
}

/** Sums up a node. `tasks` are all tasks that name it, also past ones. */
export function nodeInfoOf(node: Node, tasks: Iterable<Task>): NodeInfo {
  const sum = new NodeSum(node);
  const failureTimes = new Map<string, number[]>();
  for (const task of tasks) {
    const state = task.status?.state ?? "NEW";
    if (state === "FAILED" || state === "REJECTED") {
      const key = groupKeyOf(task);
      const times = failureTimes.get(key) ?? [];
      times.push(timestampMs(task.status?.appliedAt ?? task.status?.timestamp));
      failureTimes.set(key, times);
    }
    if (atLeast(state, "ASSIGNED") && !isTerminal(state)) {
      sum.hold(holdingOf(task), task.assignedGenericResources);
      if (!atLeast(task.desiredState, "SHUTDOWN")) sum.count(task.serviceId);
    }
  }
  if (failureTimes.size > 0) sum.failureTimes = failureTimes;
  return sum;
}

/** A node that takes tasks up. */
abstract class Taker implements NodeInfo {
  readonly node: Node;
  taskCount: number;
  freeNanoCpus: number;
  freeMemoryBytes: number;
  takenGeneric: readonly GenericResource[];
  hostPorts: ReadonlySet<string>;
  failureTimes: ReadonlyMap<string, readonly number[]>;

  constructor(info: Omit<NodeInfo, "countOf">) {
    this.node = info.node;
    this.taskCount = info.taskCount;
    this.freeNanoCpus = info.freeNanoCpus;
    this.freeMemoryBytes = info.freeMemoryBytes;
    this.takenGeneric = info.takenGeneric;
    this.hostPorts = info.hostPorts;
    this.failureTimes = info.failureTimes;
  }

  abstract countOf(serviceId: string): number;

  /** Reserves what a task needs. */
  hold(holding: Holding, generic: readonly GenericResource[]): void {
    this.freeNanoCpus -= holding.reserved.nanoCpus;
    this.freeMemoryBytes -= holding.reserved.memoryBytes;
    if (generic.length > 0) this.takenGeneric = [...this.takenGeneric, ...generic];
    const { ports } = holding;
    if (ports.length > 0) this.hostPorts = new Set([...this.hostPorts, ...ports]);
  }
}

// One of each serves all nodes that have none.
const noPorts: ReadonlySet<string> = new Set();
const noFailures: ReadonlyMap<string, readonly number[]> = new Map();

/** A node being summed up. */
class NodeSum extends Taker {
  #counts: Map<string, number> | undefined;

  constructor(node: Node) {
    super({
      node,
      taskCount: 0,
      freeNanoCpus: node.description?.resources?.nanoCpus ?? 0,
      freeMemoryBytes: node.description?.resources?.memoryBytes ?? 0,
      takenGeneric: [],
      hostPorts: noPorts,
      failureTimes: noFailures,
    });
  }

  override countOf(serviceId: string): number {
    return this.#counts?.get(serviceId) ?? 0;
  }

  count(serviceId: string): void {
    this.taskCount += 1;
    this.#counts ??= new Map();
    this.#counts.set(serviceId, (this.#counts.get(serviceId) ?? 0) + 1);
  }
}

/** A node while tasks are being placed: a NodeInfo that takes tasks up. Leaves the one it began with as it is. */
export class NodeLoad extends Taker {
  /** The node's, kept here too: to look at the node itself for each task is to fetch it from far memory. */
  readonly id: string;
  readonly #index: number;
  /** What was there before; `undefined` when there was nothing. */
  readonly #before: NodeInfo | undefined;
  readonly #tallies: ServiceTallies;

  /** All nodes of a pass share the tallies. */
  constructor(info: NodeInfo, tallies: ServiceTallies) {
    super(info);
    this.id = info.node.id;
    this.#index = tallies.addNode();
    this.#before = info.taskCount > 0 ? info : undefined;
    this.#tallies = tallies;
  }

  override countOf(serviceId: string): number {
    const before = this.#before?.countOf(serviceId) ?? 0;
    return before + this.#tallies.get(serviceId, this.#index);
  }

  /** Counts one more task of the service. */
  count(serviceId: string): void {
    this.taskCount += 1;
    this.#tallies.add(serviceId, this.#index);
  }
}
