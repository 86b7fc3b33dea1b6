import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Random } from "../base/random.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import type { IssueNodeCertificateRequest } from "../gen/skep/IssueNodeCertificateRequest.ts";
import type { IssueNodeCertificateResponseInput } from "../gen/skep/IssueNodeCertificateResponse.ts";
import type { Node, NodeInput } from "../gen/skep/Node.ts";
import type { NodeCaHandlers } from "../gen/skep/NodeCa.ts";
import type { NodeCertificateInput } from "../gen/skep/NodeCertificate.ts";
import type { NodeRole } from "../gen/skep/NodeRole.ts";
import { clusterSettingsOf } from "../model/defaults.ts";
import type { ServiceHandlers } from "../rpc/api.ts";
import type { CallContext } from "../rpc/call.ts";
import type { NodeRoleName, RoleRule } from "../rpc/roles.ts";
import { AttemptLimiter } from "./attempt-limiter.ts";
import { issueCertificate } from "./issue-certificate.ts";
import { constantTimeEqual, parseJoinToken } from "./join-token.ts";
import { decodePem } from "./pem.ts";

/** What the CA needs of the cluster's state; the manager gives it over its store. */
export interface CaState {
  /** Throws NOT_LEADER (with the leader's address) unless this manager leads and its state is current. */
  ensureLeader(): Promise<void>;
  cluster(): Cluster | undefined;
  node(id: string): Node | undefined;
  addNode(node: NodeInput): Promise<void>;
  setCertificate(nodeId: string, certificate: NodeCertificateInput): Promise<void>;
}

export interface CaServerDeps {
  readonly state: CaState;
  readonly clock: Clock;
  readonly random: Random;
}

/** Who may call what of NodeCa: everyone, since the joiner has no certificate yet. */
export const caRoles: Readonly<Record<"GetRootCaCertificate" | "IssueNodeCertificate", RoleRule>> =
  {
    GetRootCaCertificate: "anyone",
    IssueNodeCertificate: "anyone",
  };

/**
 * The NodeCa service. A join token decides the role of a new node and makes its object; a node with a certificate
 * gets a new one for the role it has in the state. INVALID_ARGUMENT for wrong tokens, PERMISSION_DENIED for removed nodes.
 */
export function caHandlers(deps: CaServerDeps): ServiceHandlers<NodeCaHandlers> {
  const limiter = new AttemptLimiter(deps.clock);
  return {
    async getRootCaCertificate() {
      return { certificate: rootOf(deps.state).certificate };
    },
    async issueNodeCertificate(request, context) {
      await deps.state.ensureLeader();
      return request.token === ""
        ? await renew(deps, request, context)
        : await join(deps, limiter, request, context);
    },
  };
}

async function join(
  deps: CaServerDeps,
  limiter: AttemptLimiter,
  request: IssueNodeCertificateRequest,
  context: CallContext,
): Promise<IssueNodeCertificateResponseInput> {
  const host = context.remoteAddress.replace(/:\d+$/, "");
  if (limiter.isBlocked(host)) {
    throw new ClusterError(
      "RESOURCE_EXHAUSTED",
      "too many wrong join tokens; try again in a minute",
    );
  }
  const role = roleOfToken(deps.state, request.token);
  if (role === undefined) {
    limiter.failed(host);
    throw new ClusterError(
      "INVALID_ARGUMENT",
      "A valid join token is necessary to join this cluster",
    );
  }
  const nodeId = newId(deps.random);
  const { response, certificate } = issue(deps, request.csr, nodeId, role);
  await deps.state.addNode({
    id: nodeId,
    spec: { annotations: {}, desiredRole: role, availability: request.availability },
    status: { state: "UNKNOWN" },
    role,
    membership: "MEMBERSHIP_ACCEPTED",
    certificate,
  });
  return response;
}

async function renew(
  deps: CaServerDeps,
  request: IssueNodeCertificateRequest,
  { peer }: CallContext,
): Promise<IssueNodeCertificateResponseInput> {
  if (peer === undefined) {
    throw new ClusterError(
      "UNAUTHENTICATED",
      "A valid join token is necessary to join this cluster",
    );
  }
  const node = deps.state.node(peer.nodeId);
  if (node === undefined || isRemoved(deps.state.cluster(), peer.nodeId)) {
    throw new ClusterError(
      "PERMISSION_DENIED",
      `node ${peer.nodeId} was removed from the cluster; leave it and join again`,
    );
  }
  const { response, certificate } = issue(deps, request.csr, node.id, node.role);
  await deps.state.setCertificate(node.id, certificate);
  return response;
}

function issue(
  { state, clock }: CaServerDeps,
  csr: Uint8Array,
  nodeId: string,
  role: NodeRole,
): { response: IssueNodeCertificateResponseInput; certificate: NodeCertificateInput } {
  const { cluster, certificate: root, key } = rootOf(state);
  const csrPem = Buffer.from(csr).toString("latin1");
  const pem = issueCertificate({
    rootCert: root.toString(),
    rootKey: key.toString(),
    csrPem,
    nodeId,
    role: roleNames[role],
    clusterId: cluster.id,
    expiryMs: clusterSettingsOf(cluster).nodeCertExpiryMs,
    nowMs: clock.now(),
  });
  const certificate = Buffer.from(pem);
  return {
    response: { nodeId, role, certificate, rootCa: root, clusterId: cluster.id },
    certificate: {
      role,
      csr: Buffer.from(decodePem(csrPem, "CERTIFICATE REQUEST")),
      state: "ISSUANCE_ISSUED",
      certificate,
    },
  };
}

const roleNames: Readonly<Record<NodeRole, NodeRoleName>> = {
  WORKER: "worker",
  MANAGER: "manager",
};

function roleOfToken(state: CaState, token: string): NodeRole | undefined {
  const tokens = rootOf(state).cluster.rootCa?.joinTokens;
  const { secret } = parseJoinToken(token);
  // Both are always compared, so that the time says nothing about which one matched.
  const isManager = constantTimeEqual(secret, secretOf(tokens?.manager));
  const isWorker = constantTimeEqual(secret, secretOf(tokens?.worker));
  if (isManager) return "MANAGER";
  return isWorker ? "WORKER" : undefined;
}

/** A token that is not there must match nothing. */
function secretOf(token: string | undefined): string {
  return token === undefined || token === "" ? "no such token" : parseJoinToken(token).secret;
}

/** Whether the certificates of this node no longer count. */
export function isRemoved(cluster: Cluster | undefined, nodeId: string): boolean {
  return cluster?.blacklistedCertificates.some((entry) => entry.nodeId === nodeId) ?? false;
}

function rootOf(state: CaState): { cluster: Cluster; certificate: Buffer; key: Buffer } {
  const cluster = state.cluster();
  const root = cluster?.rootCa;
  if (cluster === undefined || !root) {
    throw new ClusterError("UNAVAILABLE", "the cluster's root is not known here yet; try again");
  }
  return { cluster, certificate: Buffer.from(root.caCert), key: Buffer.from(root.caKey) };
}
