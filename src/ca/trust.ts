import { X509Certificate } from "node:crypto";
import type { RootCa } from "../gen/skep/RootCa.ts";
import { splitPem } from "./pem.ts";
import { subjectDer } from "./root-ca.ts";

const label = "CERTIFICATE";

/** Who signed a certificate, as Swarm tells it: DER of the subject and of the public key. */
export interface IssuerInfo {
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** All certificates of a PEM text, in order. INVALID_ARGUMENT, or whatever node:crypto throws, for damaged ones. */
export function certificatesOf(pem: string): X509Certificate[] {
  return splitPem(pem, label).map((block) => new X509Certificate(block));
}

/** The certificates of a PEM text in one form, each once: two texts that give the same are of the same roots. */
export function trustedPem(pem: string): string {
  return [...new Set(splitPem(pem, label))].join("");
}

/** What nodes are to trust: the cluster's root and, during a rotation, the coming one after it. PEM. */
export function trustBundleOf(rootCa: Pick<RootCa, "caCert" | "rotation">): string {
  const roots = [rootCa.caCert, rootCa.rotation?.caCert ?? Buffer.alloc(0)];
  return trustedPem(roots.map(String).join("\n"));
}

/** The root that signs: the coming one during a rotation. */
export function signingRootOf(rootCa: Pick<RootCa, "caCert" | "caKey" | "rotation">): {
  readonly certificatePem: string;
  /** "" where an external CA signs. */
  readonly privateKeyPem: string;
  /** What follows each node's certificate; "" for nothing. */
  readonly intermediatePem: string;
} {
  const { rotation } = rootCa;
  return {
    certificatePem: (rotation ?? rootCa).caCert.toString(),
    privateKeyPem: (rotation ?? rootCa).caKey.toString(),
    intermediatePem: rotation?.crossSignedCaCert.toString() ?? "",
  };
}

/** Subject and key of a root, as nodes report the issuer of their certificate. */
export function issuerInfo(issuer: X509Certificate): IssuerInfo {
  return {
    subject: subjectDer(issuer),
    publicKey: issuer.publicKey.export({ type: "spki", format: "der" }),
  };
}

/** The certificate that signed the first one of the chain, from the roots or from the rest of the chain. Undefined when it is in neither. */
export function issuerOf(chainPem: string, rootsPem: string): X509Certificate | undefined {
  const [leaf, ...intermediates] = certificatesOf(chainPem);
  if (leaf === undefined) return undefined;
  return [...certificatesOf(rootsPem), ...intermediates].find((other) => isIssuer(other, leaf));
}

/**
 * Whether the chain's first certificate leads to one of the roots by good signatures of authorities. Says nothing of time and names:
 * TLS checks those when it is used.
 */
export function isTrusted(chainPem: string, rootsPem: string): boolean {
  const [leaf, ...intermediates] = certificatesOf(chainPem);
  if (leaf === undefined) return false;
  const roots = certificatesOf(rootsPem);
  let current = leaf;
  for (let step = 0; step <= intermediates.length; step += 1) {
    const subject = current;
    if (roots.some((root) => isIssuer(root, subject))) return true;
    const next = intermediates.find((other) => other !== subject && isIssuer(other, subject));
    if (next === undefined) return false;
    current = next;
  }
  return false;
}

function isIssuer(issuer: X509Certificate, subject: X509Certificate): boolean {
  return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}
