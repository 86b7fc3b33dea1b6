import { type Filter, nodes } from "./filter.ts";

/** The node has fewer tasks of the service than the spec allows on one node. */
export const maxReplicasFilter: Filter = {
  isFixed: false,
  appliesTo: (task) => (task.spec?.placement?.maxReplicasPerNode ?? 0) > 0,
  check(task) {
    const most = task.spec?.placement?.maxReplicasPerNode ?? 0;
    return (info) => info.countOf(task.serviceId) < most;
  },
  explain: (count) => `max replicas per node limit reached on ${nodes(count)}`,
};
