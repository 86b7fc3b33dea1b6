import { createPrivateKey } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { ClusterError, isClusterError } from "../base/errors.ts";
import type { GetRootCaCertificateResponse } from "../gen/skep/GetRootCaCertificateResponse.ts";
import type { IssueNodeCertificateRequestInput } from "../gen/skep/IssueNodeCertificateRequest.ts";
import type { IssueNodeCertificateResponse } from "../gen/skep/IssueNodeCertificateResponse.ts";
import type { NodeAvailability } from "../gen/skep/NodeAvailability.ts";
import type { ChannelPool } from "../rpc/channel-pool.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { parsePeerSubject } from "../rpc/roles.ts";
import { readCertificate, subjectOf, validityOf } from "./certificate.ts";
import { createKeyAndCsr } from "./csr.ts";
import { proveExpired } from "./expired-proof.ts";
import { callNodeCa } from "./join-channel.ts";
import { type JoinToken, parseJoinToken, verifyDigest } from "./join-token.ts";
import { isTrusted } from "./trust.ts";

const callTimeoutMs = 10_000;
const redirectsMax = 5;

/** Asks a manager for the cluster's root (PEM) and checks it against the token. FAILED_PRECONDITION when it is another one. */
export async function fetchRootCa(
  address: string,
  token: JoinToken,
  clock: Pick<Clock, "now">,
): Promise<string> {
  const { certificate } = await callNodeCa<object, GetRootCaCertificateResponse>(
    address,
    { kind: "nobody" },
    "GetRootCaCertificate",
    {},
    clock.now() + callTimeoutMs,
  );
  const rootPem = certificate.toString();
  verifyDigest(rootPem, token);
  readCertificate(rootPem, "the cluster's root");
  return rootPem;
}

export interface JoinRequest {
  /** host:port of any manager. */
  readonly address: string;
  /** `SWMTKN-1-…` */
  readonly token: string;
  readonly availability: NodeAvailability;
}

/**
 * Makes this machine a node: root by token, new key, certificate from the leader (any manager names it).
 * INVALID_ARGUMENT for a token that is none or wrong, UNAVAILABLE when nobody answers.
 */
export async function joinCluster(
  request: JoinRequest,
  deps: { readonly clock: Pick<Clock, "now"> },
): Promise<TlsIdentity> {
  const token = parseJoinToken(request.token);
  const rootPem = await fetchRootCa(request.address, token, deps.clock);
  const { privateKeyPem, csrPem } = createKeyAndCsr();
  const input = {
    csr: Buffer.from(csrPem),
    token: request.token.trim(),
    availability: request.availability,
  };
  const response = await atLeader([request.address], (address) =>
    callNodeCa<IssueNodeCertificateRequestInput, IssueNodeCertificateResponse>(
      address,
      { kind: "root", rootPem },
      "IssueNodeCertificate",
      input,
      deps.clock.now() + callTimeoutMs,
    ),
  );
  return identityOf(response, privateKeyPem, deps.clock);
}

/**
 * A new key and certificate for a node that has one, and the roots to trust from now on: renewal, a new role, a new root. One that has
 * expired is proven by its key instead of by TLS. PERMISSION_DENIED when the node was removed, UNAUTHENTICATED when the old certificate is
 * no longer good for anything, FAILED_PRECONDITION when the new one is not valid by this node's clock.
 */
export async function renewCertificate(
  identity: TlsIdentity,
  managers: readonly string[],
  channels: Pick<ChannelPool, "unary">,
  clock: Pick<Clock, "now">,
): Promise<TlsIdentity> {
  const { privateKeyPem, csrPem } = createKeyAndCsr();
  const csr = Buffer.from(csrPem);
  const ask = (input: IssueNodeCertificateRequestInput) =>
    atLeader(managers, (address) =>
      channels.unary<IssueNodeCertificateRequestInput, IssueNodeCertificateResponse>(
        address,
        "NodeCa",
        "IssueNodeCertificate",
        input,
        { timeoutMs: callTimeoutMs },
      ),
    );
  let response: IssueNodeCertificateResponse;
  try {
    response = await ask({ csr });
  } catch (error) {
    // The manager's TLS did not take our certificate; its clock decides that, not ours.
    if (!isClusterError(error, "UNAUTHENTICATED")) throw error;
    response = await ask({ csr, expired: proveExpired(identity, csr) });
  }
  if (response.nodeId !== identity.nodeId) {
    throw new ClusterError(
      "INTERNAL",
      `the certificate is of ${response.nodeId}, not of this node`,
    );
  }
  return identityOf(response, privateKeyPem, clock);
}

/** Tries the addresses in turn, and first the leader that one of them names. */
async function atLeader<T>(
  addresses: readonly string[],
  call: (address: string) => Promise<T>,
): Promise<T> {
  const waiting = [...addresses];
  let lastError: unknown = new ClusterError("UNAVAILABLE", "no manager's address is known");
  let redirects = 0;
  for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
    try {
      return await call(address);
    } catch (error) {
      lastError = error;
      if (!isClusterError(error, "NOT_LEADER", "UNAVAILABLE", "DEADLINE_EXCEEDED")) throw error;
      const leader = error.details["leaderAddress"];
      if (leader !== undefined && leader !== "" && redirects < redirectsMax) {
        redirects += 1;
        waiting.unshift(leader);
      }
    }
  }
  throw lastError;
}

/** What the issuer gave over a connection that proved it, checked: our key, its roots, the names it told, and our clock. */
export function identityOf(
  response: Pick<IssueNodeCertificateResponse, "certificate" | "rootCa" | "clusterId" | "nodeId">,
  privateKeyPem: string,
  clock: Pick<Clock, "now">,
): TlsIdentity {
  const certificatePem = response.certificate.toString();
  const rootCaPem = response.rootCa.toString();
  const certificate = readCertificate(certificatePem, "what the manager issued");
  const peer = parsePeerSubject(subjectOf(certificate), response.clusterId);
  if (peer instanceof Error) throw new ClusterError("INTERNAL", peer.message);
  if (
    peer.nodeId !== response.nodeId ||
    !isTrusted(certificatePem, rootCaPem) ||
    !certificate.checkPrivateKey(createPrivateKey(privateKeyPem))
  ) {
    throw new ClusterError(
      "INTERNAL",
      "the manager issued a certificate that is not for this node",
    );
  }
  const { fromMs, untilMs } = validityOf(certificate);
  const nowMs = clock.now();
  if (nowMs < fromMs || nowMs >= untilMs) {
    const here = new Date(nowMs).toISOString();
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `the clocks of this node and of the manager differ: the certificate issued now is valid from ${certificate.validFrom} to ${certificate.validTo}, and here it is ${here}; set the wrong clock right`,
    );
  }
  return { certificatePem, privateKeyPem, rootCaPem, clusterId: response.clusterId, ...peer };
}
