import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  type X509Certificate,
} from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import { buildCertificate, extension, readCertificate, signatureOf } from "./certificate.ts";
import { DerReader, derTags } from "./der-reader.ts";
import {
  bitString,
  boolean,
  distinguishedName,
  octetString,
  oids,
  sequence,
} from "./der-writer.ts";

const subjectKeyIdentifierOid = Buffer.from("551d0e", "hex"); // 2.5.29.14
const yearMs = 365.25 * 24 * 3_600_000;
const rootLifeMs = 20 * yearMs;
/** Certificates count from an hour ago, so that a node whose clock is behind takes them too. */
export const backdateMs = 3_600_000;

/** A root as PEM texts; the key is PKCS#8. */
export interface RootCaPem {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** A root ready to sign. */
export interface RootCa {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

/** A new self-signed P-256 root, CN=swarm-ca, good for 20 years. */
export function createRootCa(nowMs: number): RootCaPem {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = distinguishedName([oids.commonName, "swarm-ca"]);
  const certificatePem = buildCertificate({
    issuer: name,
    issuerKey: privateKey,
    subject: name,
    publicKey,
    notBeforeMs: nowMs - backdateMs,
    notAfterMs: nowMs + rootLifeMs,
    extensions: [
      extension(oids.basicConstraints, true, sequence(boolean(true))),
      extension(oids.keyUsage, true, bitString(Buffer.from([0x06]), 1)), // keyCertSign, cRLSign
      extension(oids.subjectKeyIdentifier, false, octetString(keyIdentifier(publicKey))),
    ],
  });
  return {
    certificatePem,
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** Reads a root and checks that it is one: DATA_LOSS when damaged, INVALID_ARGUMENT when the parts do not fit. */
export function parseRootCa(pem: RootCaPem): RootCa {
  const certificate = readCertificate(pem.certificatePem, "the root certificate");
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem.privateKeyPem);
  } catch (error) {
    throw new ClusterError("DATA_LOSS", "the root's key is not a private key", { cause: error });
  }
  if (!certificate.ca) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      "the root certificate is not of a certificate authority",
    );
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new ClusterError("INVALID_ARGUMENT", "the root's key is not the root certificate's");
  }
  signatureOf(privateKey);
  return { certificate, privateKey };
}

/** The subject of a certificate as DER, for the issuer field of what it signs. */
export function subjectDer(certificate: X509Certificate): Uint8Array {
  const body = new DerReader(new DerReader(certificate.raw).expect(derTags.sequence).content);
  const fields = new DerReader(body.expect(derTags.sequence).content);
  // version [0], serial number, signature algorithm, issuer, validity, subject
  if (fields.next().tag === derTags.context0) fields.next();
  for (let skipped = 0; skipped < 3; skipped += 1) fields.next();
  return fields.expect(derTags.sequence).raw;
}

/** SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2, method 1); a name, not a protection. */
export function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const spki = new DerReader(
    new DerReader(publicKey.export({ type: "spki", format: "der" })).expect(derTags.sequence)
      .content,
  );
  spki.next();
  return createHash("sha1").update(spki.expect(derTags.bitString).content.subarray(1)).digest();
}

/** The subject key identifier that an authority's certificate names, or the one of its key where it names none. */
export function authorityKeyIdentifier(certificate: X509Certificate): Uint8Array {
  const body = new DerReader(new DerReader(certificate.raw).expect(derTags.sequence).content);
  const fields = new DerReader(body.expect(derTags.sequence).content);
  while (!fields.atEnd) {
    const field = fields.next();
    if (field.tag !== derTags.context3) continue;
    const extensions = new DerReader(new DerReader(field.content).expect(derTags.sequence).content);
    while (!extensions.atEnd) {
      const parts = new DerReader(extensions.expect(derTags.sequence).content);
      if (!subjectKeyIdentifierOid.equals(parts.expect(derTags.oid).content)) continue;
      let value = parts.next();
      if (value.tag === derTags.boolean) value = parts.next();
      return new DerReader(value.content).expect(derTags.octetString).content;
    }
  }
  return keyIdentifier(certificate.publicKey);
}
