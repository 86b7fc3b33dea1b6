import { hostPortsOf } from "../node-info.ts";
import { type Filter, nodes } from "./filter.ts";

/** No other task uses the ports that the task publishes on the node itself. */
export const hostPortsFilter: Filter = {
  isFixed: false,
  appliesTo: (task) => hostPortsOf(task).length > 0,
  check(task) {
    const ports = hostPortsOf(task);
    return (info) => !ports.some((port) => info.hostPorts.has(port));
  },
  explain: (count) => `host-mode port already in use on ${nodes(count)}`,
};
