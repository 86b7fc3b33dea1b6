import type { ManagerStatus } from "../gen/skep/ManagerStatus.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { Transaction } from "../store/store-view.ts";
import { withState } from "./dispatcher/node-states.ts";
import { recordRemoved } from "./removed-members.ts";

/** The one manager that goes on. */
export interface Survivor {
  readonly nodeId: string;
  readonly raftId: number;
  /** host:port where other nodes reach it from now on. */
  readonly address: string;
  readonly certificatePem: string;
}

const leftBehind =
  "left behind when a new cluster was forced, or restored from a backup, on another manager";

/**
 * Makes the state that of a cluster with one manager, the survivor: the other managers' nodes stay as they are, but are down and no
 * members any more, so that their tasks are replaced at once and their certificates are refused. The survivor's node is made when
 * there is none (restore).
 */
export function takeOver(tx: Transaction, survivor: Survivor): void {
  const nodes = [...tx.all("node")];
  const others = nodes.filter(
    ({ id, role, managerStatus }) =>
      id !== survivor.nodeId && (role === "MANAGER" || managerStatus !== null),
  );
  const own = nodes.find(({ id }) => id === survivor.nodeId);
  const ownBefore = own?.managerStatus?.raftId ?? survivor.raftId;
  recordRemoved(tx, [
    ...others.map(({ id, managerStatus }) => ({
      raftId: managerStatus?.raftId ?? 0,
      nodeId: id,
      dropped: true,
    })),
    ...(ownBefore === survivor.raftId
      ? []
      : [{ raftId: ownBefore, nodeId: survivor.nodeId, dropped: false }]),
  ]);
  for (const node of others) {
    tx.update("node", { ...withState(node, "DOWN", leftBehind), managerStatus: null });
  }
  const managerStatus: ManagerStatus = {
    raftId: survivor.raftId,
    addr: survivor.address,
    leader: true,
    reachability: "REACHABLE",
  };
  if (own === undefined) createNode(tx, survivor, managerStatus);
  else tx.update("node", { ...asManager(own), managerStatus });
}

function asManager(node: Node): Node {
  const spec = node.spec === null ? null : { ...node.spec, desiredRole: "MANAGER" as const };
  return { ...node, spec, specVersion: null, role: "MANAGER" };
}

function createNode(tx: Transaction, survivor: Survivor, managerStatus: ManagerStatus): void {
  tx.create("node", {
    id: survivor.nodeId,
    spec: { annotations: {}, desiredRole: "MANAGER", availability: "ACTIVE" },
    status: { state: "UNKNOWN" },
    role: "MANAGER",
    membership: "MEMBERSHIP_ACCEPTED",
    managerStatus,
    certificate: {
      role: "MANAGER",
      state: "ISSUANCE_ISSUED",
      certificate: Buffer.from(survivor.certificatePem),
    },
  });
}
