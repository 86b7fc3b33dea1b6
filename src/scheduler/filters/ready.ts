import type { Node } from "../../gen/skep/Node.ts";
import { type Filter, nodes } from "./filter.ts";

/** The node is up and takes new tasks. */
export const readyFilter: Filter = {
  isFixed: true,
  appliesTo: () => true,
  check: () => (info) => takesTasks(info.node),
  explain: (count) => `${nodes(count)} not available for new tasks`,
};

/** Whether the node is up, a member, and neither paused nor drained. */
export function takesTasks(node: Pick<Node, "status" | "spec" | "membership">): boolean {
  return (
    node.status?.state === "READY_NODE" &&
    (node.spec?.availability ?? "ACTIVE") === "ACTIVE" &&
    node.membership === "MEMBERSHIP_ACCEPTED"
  );
}
