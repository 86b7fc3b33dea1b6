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
import type { RootCa } from "../gen/skep/RootCa.ts";
import { clusterSettingsOf } from "../model/defaults.ts";
import type { ServiceHandlers } from "../rpc/api.ts";
import type { CallContext } from "../rpc/call.ts";
import type { NodeRoleName, PeerIdentity, RoleRule } from "../rpc/roles.ts";
import { AttemptLimiter } from "./attempt-limiter.ts";
import { checkExpiredProof, renewalGraceMs } from "./expired-proof.ts";
import { constantTimeEqual, parseJoinToken } from "./join-token.ts";
import { decodePem } from "./pem.ts";
import type { Signer } from "./signer.ts";
import { trustBundleOf } from "./trust.ts";

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
  readonly signer: Pick<Signer, "sign">;
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
 * gets a new one for the role it has in the state, also when that has expired not too long ago. INVALID_ARGUMENT for wrong tokens,
 * PERMISSION_DENIED for removed nodes, UNAUTHENTICATED for certificates that prove nothing.
 */
export function caHandlers(deps: CaServerDeps): ServiceHandlers<NodeCaHandlers> {
  const limiter = new AttemptLimiter(deps.clock);
  return {
    async getRootCaCertificate() {
      return { certificate: rootOf(deps.state).rootCa.caCert };
    },
    async issueNodeCertificate(request, context) {
      await deps.state.ensureLeader();
      return request.token === ""
        ? await renew(deps, request, renewingPeer(deps, limiter, request, context))
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
  const host = hostOf(limiter, context);
  const role = roleOfToken(deps.state, request.token);
  if (role === undefined) {
    limiter.failed(host);
    throw new ClusterError(
      "INVALID_ARGUMENT",
      "A valid join token is necessary to join this cluster",
    );
  }
  const nodeId = newId(deps.random);
  const { response, certificate } = await issue(deps, request.csr, nodeId, role);
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
  peer: PeerIdentity,
): Promise<IssueNodeCertificateResponseInput> {
  const node = deps.state.node(peer.nodeId);
  if (node === undefined || isRemoved(deps.state.cluster(), peer.nodeId)) {
    throw new ClusterError(
      "PERMISSION_DENIED",
      `node ${peer.nodeId} was removed from the cluster; leave it and join again`,
    );
  }
  const { response, certificate } = await issue(deps, request.csr, node.id, node.role);
  await deps.state.setCertificate(node.id, certificate);
  return response;
}

async function issue(
  { state, signer }: CaServerDeps,
  csr: Uint8Array,
  nodeId: string,
  role: NodeRole,
): Promise<{ response: IssueNodeCertificateResponseInput; certificate: NodeCertificateInput }> {
  const csrPem = Buffer.from(csr).toString("latin1");
  const { cluster, rootCa } = rootOf(state);
  const pem = await signer.sign(cluster, { csrPem, nodeId, role: roleNames[role] });
  const certificate = Buffer.from(pem);
  const trusted = Buffer.from(trustBundleOf(rootCa));
  return {
    response: { nodeId, role, certificate, rootCa: trusted, clusterId: cluster.id },
    certificate: {
      role,
      csr: Buffer.from(decodePem(csrPem, "CERTIFICATE REQUEST")),
      state: "ISSUANCE_ISSUED",
      certificate,
    },
  };
}

/** Whose certificate is to be renewed: the one that TLS took, or one that has expired but is proven to be the caller's. */
function renewingPeer(
  { state, clock }: CaServerDeps,
  limiter: AttemptLimiter,
  request: IssueNodeCertificateRequest,
  context: CallContext,
): PeerIdentity {
  if (context.peer !== undefined) return context.peer;
  if (request.expired === null) {
    throw new ClusterError(
      "UNAUTHENTICATED",
      "A valid join token is necessary to join this cluster",
    );
  }
  const host = hostOf(limiter, context);
  const { cluster, rootCa } = rootOf(state);
  try {
    return checkExpiredProof(request.expired, request.csr, {
      rootsPem: trustBundleOf(rootCa),
      clusterId: cluster.id,
      nowMs: clock.now(),
      graceMs: renewalGraceMs(clusterSettingsOf(cluster).nodeCertExpiryMs),
      lastOf: (nodeId) => state.node(nodeId)?.certificate?.certificate.toString(),
    });
  } catch (error) {
    limiter.failed(host);
    throw error;
  }
}

/** The caller's address, unless it has guessed too often: RESOURCE_EXHAUSTED. */
function hostOf(limiter: AttemptLimiter, { remoteAddress }: CallContext): string {
  const host = remoteAddress.replace(/:\d+$/, "");
  if (!limiter.isBlocked(host)) return host;
  throw new ClusterError("RESOURCE_EXHAUSTED", "too many wrong join tokens; try again in a minute");
}

/** The word for a role in certificates. */
export const roleNames: Readonly<Record<NodeRole, NodeRoleName>> = {
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

function rootOf(state: CaState): { cluster: Cluster; rootCa: RootCa } {
  const cluster = state.cluster();
  const rootCa = cluster?.rootCa;
  if (cluster === undefined || !rootCa) {
    throw new ClusterError("UNAVAILABLE", "the cluster's root is not known here yet; try again");
  }
  return { cluster, rootCa };
}
