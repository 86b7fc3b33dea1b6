import type { Task } from "../gen/skep/Task.ts";
import { constraintsFilter } from "./filters/constraints.ts";
import type { Filter } from "./filters/filter.ts";
import { hostPortsFilter } from "./filters/host-ports.ts";
import { maxReplicasFilter } from "./filters/max-replicas.ts";
import { platformFilter } from "./filters/platform.ts";
import { pluginsFilter } from "./filters/plugins.ts";
import { readyFilter } from "./filters/ready.ts";
import { cpusFilter, genericFilter, memoryFilter } from "./filters/resources.ts";
import type { NodeInfo } from "./node-info.ts";

const filters: readonly Filter[] = [
  readyFilter,
  cpusFilter,
  memoryFilter,
  genericFilter,
  pluginsFilter,
  constraintsFilter,
  platformFilter,
  hostPortsFilter,
  maxReplicasFilter,
];

type Check = (node: NodeInfo) => boolean;

/** The filters that concern a task, ready to be asked about nodes. */
export class Pipeline {
  readonly #task: Task;
  readonly #steps: readonly { readonly filter: Filter; readonly check: Check }[];
  readonly #fixed: readonly Check[];
  readonly #changing: readonly Check[];

  constructor(task: Task) {
    this.#task = task;
    this.#steps = filters
      .filter((filter) => filter.appliesTo(task))
      .map((filter) => ({ filter, check: filter.check(task) }));
    this.#fixed = this.#steps.filter((step) => step.filter.isFixed).map((step) => step.check);
    this.#changing = this.#steps.filter((step) => !step.filter.isFixed).map((step) => step.check);
  }

  /** Whether the node could run the task if it were empty; holds for a whole pass. */
  mayEverFit(node: NodeInfo): boolean {
    for (const check of this.#fixed) if (!check(node)) return false;
    return true;
  }

  /** Whether a node that may ever fit has room now. */
  hasRoom(node: NodeInfo): boolean {
    for (const check of this.#changing) if (!check(node)) return false;
    return true;
  }

  fits(node: NodeInfo): boolean {
    return this.mayEverFit(node) && this.hasRoom(node);
  }

  /** Why none of the nodes fits: each counts for the first filter it fails; the commonest reason comes first. */
  explain(nodes: Iterable<NodeInfo>): string {
    const counts = new Map<Filter, number>();
    for (const node of nodes) {
      const failed = this.#steps.find((step) => !step.check(node));
      if (failed) counts.set(failed.filter, (counts.get(failed.filter) ?? 0) + 1);
    }
    if (counts.size === 0) return "no suitable node";
    const reasons = this.#steps
      .map(({ filter }) => ({ filter, count: counts.get(filter) ?? 0 }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count)
      .map(({ filter, count }) => filter.explain(count, this.#task));
    return `no suitable node (${reasons.join("; ")})`;
  }
}
