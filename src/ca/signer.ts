import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import type { ExternalCa } from "../gen/skep/ExternalCa.ts";
import { clusterSettingsOf } from "../model/defaults.ts";
import type { NodeRoleName } from "../rpc/roles.ts";
import { parsePeerSubject } from "../rpc/roles.ts";
import { readCertificate, subjectOf } from "./certificate.ts";
import { publicKeyOfCsr } from "./csr.ts";
import { type Asker, askExternalCa, nodeSigningBody } from "./external-ca.ts";
import { issueCertificate } from "./issue-certificate.ts";
import { splitPem } from "./pem.ts";
import { isTrusted, signingRootOf } from "./trust.ts";

export interface SignerDeps {
  readonly clock: Pick<Clock, "now">;
  /** What external CAs are shown; without it they are asked as by anybody. */
  readonly asker: (() => Asker) | undefined;
}

export interface SignRequest {
  readonly csrPem: string;
  readonly nodeId: string;
  readonly role: NodeRoleName;
}

/** Signs nodes' certificates with the root that counts: by its key, or by an external CA where one is set for that root. */
export class Signer {
  readonly #deps: SignerDeps;

  constructor(deps: SignerDeps) {
    this.#deps = deps;
  }

  /**
   * The chain for a node: its certificate and, during a rotation, the new root as signed by the old one. INVALID_ARGUMENT for a bad
   * request, FAILED_PRECONDITION when nobody can sign, or an external CA does not do it as asked; UNAVAILABLE without a cluster.
   */
  async sign(cluster: Cluster | undefined, request: SignRequest): Promise<string> {
    const { rootCa } = cluster ?? {};
    if (cluster === undefined || !rootCa) {
      throw new ClusterError("UNAVAILABLE", "the cluster's root is not known here yet; try again");
    }
    const root = signingRootOf(rootCa);
    const external = externalCasFor(cluster, root.certificatePem);
    if (external.length > 0) {
      const pem = await this.#askAny(external, cluster.id, request);
      checkExternal(pem, root.certificatePem, cluster.id, request);
      return pem + root.intermediatePem;
    }
    if (root.privateKeyPem === "") {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        "the cluster does not have its root's key, and no external CA is set for this root; set one, or rotate the root",
      );
    }
    const pem = issueCertificate({
      rootCert: root.certificatePem,
      rootKey: root.privateKeyPem,
      ...request,
      clusterId: cluster.id,
      expiryMs: clusterSettingsOf(cluster).nodeCertExpiryMs,
      nowMs: this.#deps.clock.now(),
    });
    return pem + root.intermediatePem;
  }

  async #askAny(
    external: readonly ExternalCa[],
    clusterId: string,
    request: SignRequest,
  ): Promise<string> {
    publicKeyOfCsr(request.csrPem); // what is no request need not be sent
    let last: unknown;
    for (const ca of external) {
      try {
        const body = nodeSigningBody({ ...request, clusterId });
        const answer = await askExternalCa(ca, body, this.#deps.asker?.());
        return splitPem(answer, "CERTIFICATE").join("");
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }
}

/** The external CAs that sign for this root (PEM). */
export function externalCasFor(cluster: Pick<Cluster, "spec">, rootPem: string): ExternalCa[] {
  const wanted = splitPem(rootPem, "CERTIFICATE").join("");
  return (cluster.spec?.ca?.externalCas ?? []).filter(
    ({ caCert }) =>
      caCert.length === 0 || splitPem(caCert.toString(), "CERTIFICATE").join("") === wanted,
  );
}

/** An external CA may be set up wrongly: what it gives must be what was asked for. */
function checkExternal(
  chainPem: string,
  rootPem: string,
  clusterId: string,
  { csrPem, nodeId, role }: SignRequest,
): void {
  const refuse = (why: string): ClusterError =>
    new ClusterError("FAILED_PRECONDITION", `the external CA's certificate cannot be used: ${why}`);
  if (splitPem(chainPem, "CERTIFICATE").length === 0) throw refuse("it is no PEM certificate");
  const certificate = readCertificate(chainPem, "what the external CA issued");
  const peer = parsePeerSubject(subjectOf(certificate), clusterId);
  if (peer instanceof Error) throw refuse(peer.message);
  if (peer.nodeId !== nodeId || peer.role !== role) {
    throw refuse(`it is of ${peer.role} ${peer.nodeId}, not of ${role} ${nodeId}`);
  }
  if (certificate.ca) throw refuse("it is of a certificate authority");
  if (!certificate.publicKey.equals(publicKeyOfCsr(csrPem))) throw refuse("its key is another one");
  if (!isTrusted(chainPem, rootPem)) throw refuse("it was not signed by the cluster's root");
}
