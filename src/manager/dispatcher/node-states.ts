import { isDeepStrictEqual } from "node:util";
import type { Node } from "../../gen/skep/Node.ts";
import type { NodeDescription } from "../../gen/skep/NodeDescription.ts";
import type { NodeState } from "../../gen/skep/NodeState.ts";
import type { Transaction } from "../../store/store-view.ts";

/** Pure: the node after it has opened a session. */
export function registered(node: Node, description: NodeDescription | null, addr: string): Node {
  return {
    ...node,
    description: description ?? node.description,
    status: { state: "READY_NODE", message: "", addr },
  };
}

/** Writes the node only when that changes something. False when the node is gone. */
export function putNode(tx: Transaction, nodeId: string, change: (node: Node) => Node): boolean {
  const node = tx.get("node", nodeId);
  if (node === undefined) return false;
  const changed = change(node);
  if (!isDeepStrictEqual(changed, node)) tx.update("node", changed);
  return true;
}

/** Pure: the node with another state. */
export function withState(node: Node, state: NodeState, message: string): Node {
  return { ...node, status: { addr: node.status?.addr ?? "", state, message } };
}

/** Pure: what a new leader makes of a node it has not heard of: those that were up may be up. */
export function afterLeaderChange(node: Node): Node {
  const state = node.status?.state ?? "UNKNOWN";
  if (state !== "READY_NODE" && state !== "DISCONNECTED") return node;
  return withState(
    node,
    "UNKNOWN",
    'Node moved to "unknown" state due to leadership change in cluster',
  );
}
