import forge from "node-forge";

/** A value of forge's ASN.1 builder, the only part of forge in use here. */
export type Asn1 = forge.asn1.Asn1;

const { asn1 } = forge;
const universal = asn1.Class.UNIVERSAL;

/** Object identifiers of certificates and requests. */
export const oids = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  ecdsaWithSha384: "1.2.840.10045.4.3.3",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

export function sequence(...items: Asn1[]): Asn1 {
  return asn1.create(universal, asn1.Type.SEQUENCE, true, items);
}

export function set(...items: Asn1[]): Asn1 {
  return asn1.create(universal, asn1.Type.SET, true, items);
}

export function oid(dotted: string): Asn1 {
  return asn1.create(universal, asn1.Type.OID, false, asn1.oidToDer(dotted).getBytes());
}

/** A non-negative integer given as big-endian bytes. */
export function integer(bytes: Uint8Array): Asn1 {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const body = bytes.subarray(start);
  const padded = (body[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), body]) : body;
  return asn1.create(universal, asn1.Type.INTEGER, false, binary(padded));
}

export function boolean(value: boolean): Asn1 {
  return asn1.create(universal, asn1.Type.BOOLEAN, false, value ? "\xff" : "\x00");
}

export function nothing(): Asn1 {
  return asn1.create(universal, asn1.Type.NULL, false, "");
}

export function octetString(bytes: Uint8Array): Asn1 {
  return asn1.create(universal, asn1.Type.OCTETSTRING, false, binary(bytes));
}

/** `unusedBits` of the last byte do not count. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Asn1 {
  return asn1.create(
    universal,
    asn1.Type.BITSTRING,
    false,
    String.fromCharCode(unusedBits) + binary(bytes),
  );
}

export function utf8(text: string): Asn1 {
  return asn1.create(universal, asn1.Type.UTF8, false, binary(Buffer.from(text)));
}

/** UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). */
export function time(ms: number): Asn1 {
  const date = new Date(Math.floor(ms / 1000) * 1000);
  return date.getUTCFullYear() < 2050
    ? asn1.create(universal, asn1.Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(universal, asn1.Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date));
}

/** `[number]` around items. */
export function explicit(number: number, ...items: Asn1[]): Asn1 {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, number, true, items);
}

/** `[number]` in place of a primitive value's own tag. */
export function implicit(number: number, bytes: Uint8Array): Asn1 {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, number, false, binary(bytes));
}

/** A value already in DER. Only for bytes we made or verified ourselves: forge's parser is not for strangers' input. */
export function embed(trustedDer: Uint8Array): Asn1 {
  return asn1.fromDer(binary(trustedDer));
}

export function encode(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), "binary");
}

/** A distinguished name of one attribute a level. */
export function distinguishedName(...attributes: readonly (readonly [string, string])[]): Asn1 {
  return sequence(...attributes.map(([type, value]) => set(sequence(oid(type), utf8(value)))));
}

function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("binary");
}
