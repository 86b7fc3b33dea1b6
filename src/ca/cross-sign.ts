import { ClusterError } from "../base/errors.ts";
import { buildCertificate, extension, readCertificate, validityOf } from "./certificate.ts";
import { bitString, boolean, embed, implicit, octetString, oids, sequence } from "./der-writer.ts";
import { authorityKeyIdentifier, parseRootCa, type RootCaPem, subjectDer } from "./root-ca.ts";

/**
 * The new root's name and key in a certificate signed by the old root: who trusts only the old one follows it to what the new one
 * signs. Lives as long as both do. FAILED_PRECONDITION when the old root has expired.
 */
export function crossSign(newRootPem: string, oldRoot: RootCaPem, nowMs: number): string {
  const issuer = parseRootCa(oldRoot);
  const subject = readCertificate(newRootPem, "the new root certificate");
  const [own, issuers] = [validityOf(subject), validityOf(issuer.certificate)];
  const notAfterMs = Math.min(own.untilMs, issuers.untilMs);
  if (notAfterMs <= nowMs) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      "the present or the new root certificate has expired; check this manager's clock",
    );
  }
  return buildCertificate({
    issuer: embed(subjectDer(issuer.certificate)),
    issuerKey: issuer.privateKey,
    subject: embed(subjectDer(subject)),
    publicKey: subject.publicKey,
    notBeforeMs: Math.max(own.fromMs, issuers.fromMs),
    notAfterMs,
    extensions: [
      extension(oids.basicConstraints, true, sequence(boolean(true))),
      extension(oids.keyUsage, true, bitString(Buffer.from([0x06]), 1)), // keyCertSign, cRLSign
      extension(oids.subjectKeyIdentifier, false, octetString(authorityKeyIdentifier(subject))),
      extension(
        oids.authorityKeyIdentifier,
        false,
        sequence(implicit(0, authorityKeyIdentifier(issuer.certificate))),
      ),
    ],
  });
}
