import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import { readCertificate, signatureOf, validityOf } from "./certificate.ts";
import { splitPem } from "./pem.ts";
import type { RootCaPem } from "./root-ca.ts";

const inputCharsMax = 64 * 1024;

/**
 * A root that a user gives: one self-signed certificate of an authority, valid now, with a key that fits and that we can sign with.
 * Key "" = an external CA signs for it. Gives both in the form we keep (PEM, PKCS#8). INVALID_ARGUMENT that says what is wrong.
 */
export function importRoot(
  given: { readonly certificate: string; readonly key: string },
  nowMs: number,
): RootCaPem {
  const { certificatePem, certificate } = readRoot(given.certificate);
  if (!certificate.ca) {
    throw invalid("ca-cert", "it is not of a certificate authority (basicConstraints, keyUsage)");
  }
  if (!certificate.checkIssued(certificate) || !certificate.verify(certificate.publicKey)) {
    throw invalid("ca-cert", "it is not self-signed; give the root, not an intermediate");
  }
  const { fromMs, untilMs } = validityOf(certificate);
  if (!(untilMs > nowMs)) throw invalid("ca-cert", `it has expired (${certificate.validTo})`);
  if (!(fromMs <= nowMs)) {
    throw invalid("ca-cert", `it is valid only from ${certificate.validFrom} on`);
  }
  if (given.key === "") return { certificatePem, privateKeyPem: "" };
  const key = readKey(given.key);
  if (!certificate.checkPrivateKey(key)) {
    throw invalid("ca-key", "it is not the key of the certificate (ca-cert)");
  }
  signatureOf(key);
  return {
    certificatePem,
    privateKeyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function readRoot(text: string): { certificatePem: string; certificate: X509Certificate } {
  if (text.length > inputCharsMax) throw invalid("ca-cert", "it is too large");
  let blocks: string[];
  try {
    blocks = splitPem(text, "CERTIFICATE");
  } catch (error) {
    throw invalid("ca-cert", "it is not PEM", error);
  }
  const [certificatePem, ...others] = blocks;
  if (certificatePem === undefined) throw invalid("ca-cert", "it holds no PEM certificate");
  if (others.length > 0) {
    throw invalid("ca-cert", `it holds ${blocks.length} certificates; give the root alone`);
  }
  try {
    return { certificatePem, certificate: readCertificate(certificatePem, "ca-cert") };
  } catch (error) {
    throw invalid("ca-cert", "it is damaged", error);
  }
}

function readKey(text: string): KeyObject {
  if (text.length > inputCharsMax) throw invalid("ca-key", "it is too large");
  if (/ENCRYPTED/.test(text)) {
    throw invalid("ca-key", "it is encrypted; decrypt it first (openssl pkey -in KEY)");
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw invalid("ca-key", "it is not a private key in PEM", error);
  }
}

function invalid(what: string, reason: string, cause?: unknown): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `invalid ${what}: ${reason}`, { cause });
}
