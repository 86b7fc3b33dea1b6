import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import { DerReader, derTags } from "./der-reader.ts";
import {
  bitString,
  distinguishedName,
  embed,
  encode,
  explicit,
  integer,
  oid,
  oids,
  sequence,
} from "./der-writer.ts";
import { decodePem, encodePem } from "./pem.ts";

const label = "CERTIFICATE REQUEST";
const csrBytesMax = 4096;
// SubjectPublicKeyInfo of P-256 up to its uncompressed point (RFC 5480): there is only this one form.
const p256Prefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
const p256PointBytes = 65;
const ecdsaWithSha256 = Buffer.from("300a06082a8648ce3d040302", "hex");

/** A new key and a request for a certificate of it. */
export interface KeyAndCsr {
  /** PEM, PKCS#8. */
  readonly privateKeyPem: string;
  readonly csrPem: string;
}

/** Makes a P-256 key and a request (PKCS#10) signed with it. The issuer decides all names, so the request carries none that matter. */
export function createKeyAndCsr(): KeyAndCsr {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const info = sequence(
    integer(Buffer.from([0])),
    distinguishedName([oids.commonName, "swarm-node"]),
    embed(publicKey.export({ type: "spki", format: "der" })),
    explicit(0),
  );
  const signature = sign("sha256", encode(info), privateKey);
  const csr = sequence(info, sequence(oid(oids.ecdsaWithSha256)), bitString(signature));
  return {
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    csrPem: encodePem(encode(csr), label),
  };
}

/**
 * The public key of a request whose signature by that key is good. Subject and attributes are not looked at.
 * INVALID_ARGUMENT for anything but a well-formed request with a P-256 key, signed with ECDSA and SHA-256.
 */
export function publicKeyOfCsr(csrPem: string): KeyObject {
  const der = decodePem(csrPem, label);
  if (der.length > csrBytesMax) throw bad(`it is larger than ${csrBytesMax} bytes`);
  const outer = new DerReader(der);
  const request = new DerReader(outer.expect(derTags.sequence).content);
  outer.end();
  const info = request.expect(derTags.sequence);
  const algorithm = request.expect(derTags.sequence);
  const signature = request.expect(derTags.bitString);
  request.end();
  const key = publicKeyOf(info.content);
  if (!ecdsaWithSha256.equals(algorithm.raw)) throw bad("it is not signed with ECDSA and SHA-256");
  if (signature.content[0] !== 0) throw bad("its signature is not whole bytes");
  if (!verify("sha256", info.raw, key, signature.content.subarray(1))) {
    throw bad("its signature is not by its own key");
  }
  return key;
}

function publicKeyOf(infoContent: Uint8Array): KeyObject {
  const info = new DerReader(infoContent);
  const version = info.expect(derTags.integer);
  if (version.content.length !== 1 || version.content[0] !== 0) throw bad("its version is not 0");
  info.expect(derTags.sequence); // subject: ignored
  const spki = info.expect(derTags.sequence).raw;
  if (!info.atEnd) info.expect(derTags.context0); // attributes: ignored
  info.end();
  const prefix = Buffer.from(spki.subarray(0, p256Prefix.length));
  if (
    !prefix.equals(p256Prefix) ||
    spki.length !== p256Prefix.length + p256PointBytes ||
    spki[p256Prefix.length] !== 4
  ) {
    throw bad("its key is not a P-256 key");
  }
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch (error) {
    throw bad("its key is not a point of P-256", error);
  }
}

function bad(reason: string, cause?: unknown): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `certificate request refused: ${reason}`, { cause });
}
