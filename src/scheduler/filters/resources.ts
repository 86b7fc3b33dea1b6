import type { Task } from "../../gen/skep/Task.ts";
import { claimGeneric, reservationsOf } from "../../model/resources.ts";
import { type Filter, nodes } from "./filter.ts";

/** The node has the CPU time that the task reserves. */
export const cpusFilter: Filter = {
  isFixed: false,
  appliesTo: (task) => reservationsOf(task).nanoCpus > 0,
  check(task) {
    const { nanoCpus } = reservationsOf(task);
    return (info) => nanoCpus <= info.freeNanoCpus;
  },
  explain: (count) => `insufficient CPUs on ${nodes(count)}`,
};

/** The node has the memory that the task reserves. */
export const memoryFilter: Filter = {
  isFixed: false,
  appliesTo: (task) => reservationsOf(task).memoryBytes > 0,
  check(task) {
    const { memoryBytes } = reservationsOf(task);
    return (info) => memoryBytes <= info.freeMemoryBytes;
  },
  explain: (count) => `insufficient memory on ${nodes(count)}`,
};

/** The node has the generic resources that the task reserves. */
export const genericFilter: Filter = {
  isFixed: false,
  appliesTo: (task) => reservationsOf(task).generic.size > 0,
  check(task) {
    const { generic } = reservationsOf(task);
    return (info) => {
      const offered = info.node.description?.resources?.generic ?? [];
      return claimGeneric(generic, offered, info.takenGeneric) !== undefined;
    };
  },
  explain: (count, task) => `insufficient ${kindsOf(task)} on ${nodes(count)}`,
};

function kindsOf(task: Task): string {
  return [...reservationsOf(task).generic.keys()].sort((a, b) => (a < b ? -1 : 1)).join(" or ");
}
