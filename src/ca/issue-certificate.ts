import { ClusterError } from "../base/errors.ts";
import { type NodeRoleName, organizationalUnits } from "../rpc/roles.ts";
import { buildCertificate, extension, validityOf } from "./certificate.ts";
import { publicKeyOfCsr } from "./csr.ts";
import {
  bitString,
  distinguishedName,
  embed,
  implicit,
  octetString,
  oid,
  oids,
  sequence,
} from "./der-writer.ts";
import {
  authorityKeyIdentifier,
  backdateMs,
  keyIdentifier,
  parseRootCa,
  subjectDer,
} from "./root-ca.ts";

/** Shorter lives would make a renewal a matter of luck; Swarm's minimum. */
export const nodeCertLifeMinMs = 3_600_000;

export interface IssueRequest {
  /** PEM of the root and of its key. */
  readonly rootCert: string;
  readonly rootKey: string;
  /** PEM; only its public key counts. */
  readonly csrPem: string;
  readonly nodeId: string;
  readonly role: NodeRoleName;
  readonly clusterId: string;
  /** How long the certificate lives from now on; at least an hour, at most as long as the root. */
  readonly expiryMs: number;
  readonly nowMs: number;
}

/**
 * The certificate (PEM) of a node: CN node id, OU role, O cluster, names as Swarm's. INVALID_ARGUMENT for a bad
 * request, FAILED_PRECONDITION when the root has expired.
 */
export function issueCertificate(request: IssueRequest): string {
  const { nodeId, role, clusterId, nowMs } = request;
  const publicKey = publicKeyOfCsr(request.csrPem);
  const root = parseRootCa({ certificatePem: request.rootCert, privateKeyPem: request.rootKey });
  const { fromMs: rootFromMs, untilMs: rootUntilMs } = validityOf(root.certificate);
  if (rootUntilMs <= nowMs) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      "the cluster's root certificate has expired by this manager's clock; check the clock, or rotate the root",
    );
  }
  if (rootFromMs > nowMs) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      "the cluster's root certificate is not valid yet by this manager's clock; set the clock right",
    );
  }
  const lifeMs = Math.max(request.expiryMs, nodeCertLifeMinMs);
  const unit = organizationalUnits[role];
  const names = role === "manager" ? [unit, nodeId, "swarm-ca"] : [unit, nodeId];
  return buildCertificate({
    issuer: embed(subjectDer(root.certificate)),
    issuerKey: root.privateKey,
    subject: distinguishedName(
      [oids.organization, clusterId],
      [oids.organizationalUnit, unit],
      [oids.commonName, nodeId],
    ),
    publicKey,
    notBeforeMs: nowMs - backdateMs,
    notAfterMs: Math.min(nowMs + lifeMs, rootUntilMs),
    extensions: [
      extension(oids.basicConstraints, true, sequence()), // not a CA
      extension(oids.keyUsage, true, bitString(Buffer.from([0x80]), 7)), // digitalSignature
      extension(oids.extendedKeyUsage, false, sequence(oid(oids.serverAuth), oid(oids.clientAuth))),
      extension(oids.subjectKeyIdentifier, false, octetString(keyIdentifier(publicKey))),
      extension(
        oids.authorityKeyIdentifier,
        false,
        sequence(implicit(0, authorityKeyIdentifier(root.certificate))),
      ),
      extension(
        oids.subjectAltName,
        false,
        sequence(...names.map((name) => implicit(2, Buffer.from(name)))),
      ),
    ],
  });
}
