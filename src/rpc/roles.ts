import { ClusterError } from "../base/errors.ts";

export type NodeRoleName = "worker" | "manager";

/** Who called, as its certificate says. */
export interface PeerIdentity {
  readonly nodeId: string;
  readonly role: NodeRoleName;
}

/**
 * Who may call a method. "worker" is every node of the cluster (a manager is a worker too), "manager"
 * only managers, a list exactly those named; "anyone" also callers without a certificate.
 */
export type RoleRule = "anyone" | NodeRoleName | readonly NodeRoleName[];

/** The values of a certificate's subject that matter to us. */
export interface CertificateSubject {
  readonly CN?: string | string[];
  readonly OU?: string | string[];
  readonly O?: string | string[];
}

/** The OU of each role's certificates, as Swarm's. */
export const organizationalUnits: Readonly<Record<NodeRoleName, string>> = {
  worker: "swarm-worker",
  manager: "swarm-manager",
};

/** Reads node id (CN), role (OU) and cluster (O); an Error when it is not a node of `clusterId`. */
export function parsePeerSubject(
  subject: CertificateSubject,
  clusterId: string,
): PeerIdentity | Error {
  const { CN: nodeId, OU: unit, O: organization } = subject;
  if (typeof nodeId !== "string" || nodeId === "") {
    return new Error("the certificate names no node");
  }
  if (organization !== clusterId) {
    return new Error(`the certificate of node ${nodeId} is of another cluster`);
  }
  if (unit === organizationalUnits.manager) return { nodeId, role: "manager" };
  if (unit === organizationalUnits.worker) return { nodeId, role: "worker" };
  return new Error(`the certificate of node ${nodeId} gives it no known role`);
}

/** Throws UNAUTHENTICATED without a peer, PERMISSION_DENIED when its role is not in `rule`. */
export function authorize(rule: RoleRule, peer: PeerIdentity | undefined, method: string): void {
  if (rule === "anyone") return;
  if (peer === undefined) {
    throw new ClusterError(
      "UNAUTHENTICATED",
      `${method} needs a certificate of this cluster; join it first`,
    );
  }
  const allowed =
    typeof rule === "string"
      ? peer.role === rule || peer.role === "manager"
      : rule.includes(peer.role);
  if (!allowed) {
    throw new ClusterError(
      "PERMISSION_DENIED",
      `${method} is not for ${peer.role} nodes such as ${peer.nodeId}`,
    );
  }
}
