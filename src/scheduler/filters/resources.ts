import { claimGeneric, reservationsOf } from "../../model/resources.ts";
import { type Filter, nodes } from "./filter.ts";

/** The node has what the task reserves: CPU, memory, generic resources. */
export const resourcesFilter: Filter = {
  isFixed: false,
  appliesTo(task) {
    const wanted = reservationsOf(task);
    return wanted.nanoCpus > 0 || wanted.memoryBytes > 0 || wanted.generic.size > 0;
  },
  check(task) {
    const wanted = reservationsOf(task);
    return (info) =>
      wanted.nanoCpus <= info.freeNanoCpus &&
      wanted.memoryBytes <= info.freeMemoryBytes &&
      (wanted.generic.size === 0 ||
        claimGeneric(
          wanted.generic,
          info.node.description?.resources?.generic ?? [],
          info.takenGeneric,
        ) !== undefined);
  },
  explain: (count) => `insufficient resources on ${nodes(count)}`,
};
