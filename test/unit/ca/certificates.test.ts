import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../src/base/errors.ts";
import { createKeyAndCsr, publicKeyOfCsr } from "../../../src/ca/csr.ts";
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
} from "../../../src/ca/der-writer.ts";
import { issueCertificate } from "../../../src/ca/issue-certificate.ts";
import { decodePem, encodePem } from "../../../src/ca/pem.ts";
import { createRootCa, parseRootCa } from "../../../src/ca/root-ca.ts";
import { CaFixture } from "../../support/ca-fixtures.ts";

const nowMs = Date.UTC(2026, 0, 15, 12);
const dayMs = 86_400_000;
const label = "CERTIFICATE REQUEST";

describe("ca: certificates", () => {
  const ca = new CaFixture(nowMs);

  it("makes a root that says what Swarm's says", () => {
    const root = new X509Certificate(ca.root.certificatePem);
    assert.equal(root.subject, "CN=swarm-ca");
    assert.equal(root.ca, true);
    assert.equal(root.verify(root.publicKey), true);
    assert.equal(root.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
    assert.equal(new Date(root.validTo).getUTCFullYear(), 2046);
  });

  it("writes years from 2050 on as GeneralizedTime", () => {
    const root = new X509Certificate(createRootCa(Date.UTC(2040, 0, 1)).certificatePem);
    assert.equal(new Date(root.validTo).getUTCFullYear(), 2060);
  });

  const roles = [
    { role: "worker" as const, unit: "swarm-worker", names: "DNS:swarm-worker, DNS:n1" },
    {
      role: "manager" as const,
      unit: "swarm-manager",
      names: "DNS:swarm-manager, DNS:n1, DNS:swarm-ca",
    },
  ];
  for (const { role, unit, names } of roles) {
    it(`issues a certificate of a ${role}`, () => {
      const certificate = new X509Certificate(ca.identity("n1", role).certificatePem);
      const root = new X509Certificate(ca.root.certificatePem);
      assert.equal(certificate.subject, `O=cluster1\nOU=${unit}\nCN=n1`);
      assert.equal(certificate.subjectAltName, names);
      assert.equal(certificate.ca, false);
      assert.equal(certificate.checkIssued(root), true);
      assert.equal(certificate.verify(root.publicKey), true);
      assert.equal(Date.parse(certificate.validFrom), nowMs - 3_600_000);
      assert.equal(Date.parse(certificate.validTo), nowMs + 90 * dayMs);
      assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    });
  }

  it("never lets a certificate outlive its root, nor live less than an hour", () => {
    const until = (lifeMs: number) =>
      Date.parse(new X509Certificate(ca.identity("n1", "worker", lifeMs).certificatePem).validTo);
    const rootUntil = Date.parse(new X509Certificate(ca.root.certificatePem).validTo);
    assert.equal(until(100 * 365 * dayMs), rootUntil);
    assert.equal(until(1), nowMs + 3_600_000);
  });

  it("satisfies openssl", () => {
    const folder = mkdtempSync(join(tmpdir(), "skep-ca-"));
    try {
      writeFileSync(join(folder, "root.crt"), ca.root.certificatePem);
      writeFileSync(join(folder, "node.crt"), ca.identity("n1", "manager").certificatePem);
      writeFileSync(join(folder, "node.csr"), createKeyAndCsr().csrPem);
      const run = (...args: string[]) =>
        execFileSync("openssl", args, { cwd: folder, stdio: "pipe" }).toString();
      const strict = ["-x509_strict", "-attime", String(nowMs / 1000), "-purpose", "sslserver"];
      assert.match(run("verify", ...strict, "-CAfile", "root.crt", "node.crt"), /node.crt: OK/);
      run("req", "-in", "node.csr", "-verify", "-noout");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("takes openssl's requests and nothing of them but the key", () => {
    const folder = mkdtempSync(join(tmpdir(), "skep-ca-"));
    try {
      execFileSync(
        "openssl",
        [
          "req",
          "-new",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:P-256",
          "-nodes",
          "-keyout",
          "k",
        ].concat([
          "-out",
          "r",
          "-subj",
          "/O=evil/OU=swarm-manager/CN=root",
          "-addext",
          "subjectAltName=DNS:x",
        ]),
        { cwd: folder, stdio: "pipe" },
      );
      const csrPem = execFileSync("cat", [join(folder, "r")]).toString();
      const pem = issueCertificate({
        rootCert: ca.root.certificatePem,
        rootKey: ca.root.privateKeyPem,
        csrPem,
        nodeId: "n2",
        role: "worker",
        clusterId: "cluster1",
        expiryMs: dayMs,
        nowMs,
      });
      const certificate = new X509Certificate(pem);
      assert.equal(certificate.subject, "O=cluster1\nOU=swarm-worker\nCN=n2");
      assert.equal(certificate.subjectAltName, "DNS:swarm-worker, DNS:n2");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses a root whose parts do not fit", () => {
    const other = createRootCa(nowMs);
    const leaf = ca.identity("n1", "worker");
    const cases = [
      { certificatePem: ca.root.certificatePem, privateKeyPem: other.privateKeyPem },
      { certificatePem: leaf.certificatePem, privateKeyPem: leaf.privateKeyPem },
      { certificatePem: "x", privateKeyPem: other.privateKeyPem },
      { certificatePem: other.certificatePem, privateKeyPem: "x" },
    ];
    for (const given of cases) assert.throws(() => parseRootCa(given), isClusterError);
  });
});

describe("ca: bad certificate requests", () => {
  const good = decodePem(createKeyAndCsr().csrPem, label);
  const pem = (bytes: Uint8Array) => encodePem(bytes, label);
  const signed = (curve: string, hash = "sha256", claimedCurve = curve) => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
    const claimed =
      claimedCurve === curve
        ? publicKey
        : generateKeyPairSync("ec", { namedCurve: claimedCurve }).publicKey;
    const info = sequence(
      integer(Buffer.from([0])),
      distinguishedName([oids.commonName, "x"]),
      embed(claimed.export({ type: "spki", format: "der" })),
      explicit(0),
    );
    const signature = sign(hash, encode(info), privateKey);
    return pem(encode(sequence(info, sequence(oid(oids.ecdsaWithSha256)), bitString(signature))));
  };
  const flipped = (position: number) => {
    const bytes = Buffer.from(good);
    bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
    return pem(bytes);
  };
  const nested = Buffer.concat([Buffer.alloc(3000, Buffer.from("3080", "hex")), Buffer.alloc(8)]);
  const cases: { name: string; given: string; want: RegExp }[] = [
    { name: "empty", given: "", want: /not one PEM block/ },
    { name: "other label", given: encodePem(good, "CERTIFICATE"), want: /not one PEM block/ },
    { name: "two blocks", given: pem(good) + pem(good), want: /not base64/ },
    {
      name: "no base64",
      given: `-----BEGIN ${label}-----\n!!!!\n-----END ${label}-----\n`,
      want: /base64/,
    },
    { name: "huge", given: pem(Buffer.alloc(100_000, 0x30)), want: /longer than/ },
    { name: "large DER", given: pem(Buffer.alloc(5000, 0x30)), want: /larger than/ },
    { name: "empty sequence", given: pem(Buffer.from("3000", "hex")), want: /cut short/ },
    { name: "truncated", given: pem(good.subarray(0, good.length - 3)), want: /cut short/ },
    {
      name: "trailing bytes",
      given: pem(Buffer.concat([good, Buffer.from([0])])),
      want: /bytes follow/,
    },
    { name: "deep nesting", given: pem(nested), want: /indefinite|larger/ },
    { name: "long tag", given: pem(Buffer.from("1f8100", "hex")), want: /long tag/ },
    { name: "length not the shortest", given: pem(Buffer.from("308100", "hex")), want: /shortest/ },
    {
      name: "length of many bytes",
      given: pem(Buffer.from("30848fffffff", "hex")),
      want: /too long/,
    },
    { name: "changed signature", given: flipped(good.length - 1), want: /signature/ },
    { name: "changed subject", given: flipped(20), want: /signature|stands where|cut short/ },
    { name: "P-384 key", given: signed("P-384"), want: /not a P-256 key/ },
    { name: "SHA-512 signature", given: signed("P-256", "sha512"), want: /not by its own key/ },
    {
      name: "key of another than the signer",
      given: signed("P-384", "sha256", "P-256"),
      want: /not by its own/,
    },
  ];
  for (const { name, given, want } of cases) {
    it(name, () => {
      assert.throws(
        () => publicKeyOfCsr(given),
        (error) => isClusterError(error, "INVALID_ARGUMENT") && want.test(error.message),
      );
    });
  }

  it("no flipped bit of a good request is taken", () => {
    for (let position = 0; position < good.length; position += 3) {
      assert.throws(() => publicKeyOfCsr(flipped(position)), isClusterError, `byte ${position}`);
    }
  });

  it("a point that is not on the curve", () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const spki = publicKey.export({ type: "spki", format: "der" });
    spki.fill(7, spki.length - 32);
    const info = sequence(integer(Buffer.from([0])), sequence(), embed(spki), explicit(0));
    const csr = sequence(
      info,
      sequence(oid(oids.ecdsaWithSha256)),
      bitString(Buffer.from("3000", "hex")),
    );
    assert.throws(() => publicKeyOfCsr(pem(encode(csr))), /point|P-256/);
  });
});
