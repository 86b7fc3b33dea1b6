import { createPrivateKey, sign, verify } from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import type { ExpiredCertificateProof } from "../gen/skep/ExpiredCertificateProof.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { type PeerIdentity, parsePeerSubject } from "../rpc/roles.ts";
import { readCertificate, subjectOf, validityOf } from "./certificate.ts";
import { isTrusted } from "./trust.ts";

const context = "skep renewal\0";
const proofBytesMax = 16 * 1024;
/** A certificate of a short life must not leave a node out over a long weekend. */
const graceMinMs = 30 * 24 * 3_600_000;

/** How long after its end a certificate still proves who a node is, for renewal alone: as long as certificates live, at least 30 days. */
export function renewalGraceMs(nodeCertExpiryMs: number): number {
  return Math.max(nodeCertExpiryMs, graceMinMs);
}

/** Proves by the key of an expired certificate that this request for a new one is its owner's. */
export function proveExpired(
  { certificatePem, privateKeyPem }: Pick<TlsIdentity, "certificatePem" | "privateKeyPem">,
  csr: Uint8Array,
): { certificate: Buffer; signature: Buffer } {
  return {
    certificate: Buffer.from(certificatePem),
    signature: sign("sha256", signed(csr), createPrivateKey(privateKeyPem)),
  };
}

/**
 * Who a proof is of. UNAUTHENTICATED unless the certificate leads to our root, is of our cluster, has ended less than `graceMs` ago, is the
 * last one that node was given (`lastOf`), and its key signed this request.
 */
export function checkExpiredProof(
  proof: ExpiredCertificateProof,
  csr: Uint8Array,
  known: {
    readonly rootsPem: string;
    readonly clusterId: string;
    readonly nowMs: number;
    readonly graceMs: number;
    /** PEM chain last issued to a node; undefined for unknown nodes. */
    lastOf(nodeId: string): string | undefined;
  },
): PeerIdentity {
  if (proof.certificate.length > proofBytesMax) throw refused("it is too large");
  const pem = proof.certificate.toString();
  const certificate = readAny(pem);
  const peer = parsePeerSubject(subjectOf(certificate), known.clusterId);
  if (peer instanceof Error) throw refused(peer.message);
  if (known.nowMs - validityOf(certificate).untilMs > known.graceMs) {
    throw refused(`it ended on ${certificate.validTo}, too long ago; leave and join again`);
  }
  const last = known.lastOf(peer.nodeId);
  if (last === undefined || readAny(last).fingerprint256 !== certificate.fingerprint256) {
    throw refused(`it is not the last one of node ${peer.nodeId}; leave and join again`);
  }
  if (!isTrusted(pem, known.rootsPem)) throw refused("it was not issued by this cluster's root");
  if (!verify("sha256", signed(csr), certificate.publicKey, proof.signature)) {
    throw refused("the request is not signed by its key");
  }
  return peer;
}

function readAny(pem: string): ReturnType<typeof readCertificate> {
  try {
    return readCertificate(pem, "the old certificate");
  } catch (error) {
    throw refused("it is no certificate", error);
  }
}

function signed(csr: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(context), csr]);
}

function refused(why: string, cause?: unknown): ClusterError {
  return new ClusterError("UNAUTHENTICATED", `the expired certificate is not taken: ${why}`, {
    cause,
  });
}
