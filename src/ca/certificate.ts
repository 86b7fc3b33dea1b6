import { type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import type { CertificateSubject } from "../rpc/roles.ts";
import {
  type Asn1,
  bitString,
  boolean,
  embed,
  encode,
  explicit,
  integer,
  nothing,
  octetString,
  oid,
  oids,
  sequence,
  time,
} from "./der-writer.ts";
import { encodePem } from "./pem.ts";

const serialBytes = 16;
const rsaBitsMin = 2048;
const rsaBitsMax = 8192;

/** What is put into a certificate (RFC 5280 section 4.1). */
export interface CertificateParts {
  readonly issuer: Asn1;
  readonly issuerKey: KeyObject;
  readonly subject: Asn1;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Asn1[];
}

/** A certificate as PEM, signed as the issuer's key can (`signatureOf`). Its serial number is random. */
export function buildCertificate(parts: CertificateParts): string {
  const { digest, algorithm } = signatureOf(parts.issuerKey);
  const serial = randomBytes(serialBytes);
  serial[0] = (serial.readUInt8(0) & 0x7f) | 0x40; // positive and of full length
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    parts.issuer,
    sequence(time(parts.notBeforeMs), time(parts.notAfterMs)),
    parts.subject,
    embed(parts.publicKey.export({ type: "spki", format: "der" })),
    explicit(3, sequence(...parts.extensions)),
  );
  const signature = sign(digest, encode(body), parts.issuerKey);
  return encodePem(encode(sequence(body, algorithm, bitString(signature))), "CERTIFICATE");
}

/** How a key signs: ECDSA with SHA-256 or (P-384) SHA-384, RSA (PKCS#1 v1.5) with SHA-256. INVALID_ARGUMENT for other and for weak keys. */
export function signatureOf(key: KeyObject): { digest: string; algorithm: Asn1 } {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec" && namedCurve === "prime256v1") {
    return { digest: "sha256", algorithm: sequence(oid(oids.ecdsaWithSha256)) };
  }
  if (key.asymmetricKeyType === "ec" && namedCurve === "secp384r1") {
    return { digest: "sha384", algorithm: sequence(oid(oids.ecdsaWithSha384)) };
  }
  if (
    key.asymmetricKeyType === "rsa" &&
    modulusLength >= rsaBitsMin &&
    modulusLength <= rsaBitsMax
  ) {
    return { digest: "sha256", algorithm: sequence(oid(oids.sha256WithRsa), nothing()) };
  }
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `the root's key is ${keyName(key)}; give one on P-256 or P-384, or RSA of ${rsaBitsMin} to ${rsaBitsMax} bits`,
  );
}

function keyName(key: KeyObject): string {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  const detail = namedCurve ?? (modulusLength === undefined ? "" : `${modulusLength} bits`);
  return `${key.asymmetricKeyType ?? "no key pair"} ${detail}`.trim();
}

export function extension(type: string, isCritical: boolean, value: Asn1): Asn1 {
  const content = octetString(encode(value));
  return isCritical ? sequence(oid(type), boolean(true), content) : sequence(oid(type), content);
}

/** The first certificate of a PEM text. DATA_LOSS naming `what` when there is none. */
export function readCertificate(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new ClusterError("DATA_LOSS", `${what} is not a certificate`, { cause: error });
  }
}

/** The subject's CN, OU and O, in the form that `rpc/roles.ts` reads. */
export function subjectOf(certificate: X509Certificate): CertificateSubject {
  return certificate.toLegacyObject().subject;
}

/** From when until when it is valid, in milliseconds since 1970. */
export function validityOf(certificate: X509Certificate): { fromMs: number; untilMs: number } {
  return { fromMs: Date.parse(certificate.validFrom), untilMs: Date.parse(certificate.validTo) };
}
