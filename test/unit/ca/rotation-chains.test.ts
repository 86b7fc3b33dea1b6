import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { crossSign } from "../../../src/ca/cross-sign.ts";
import { createKeyAndCsr } from "../../../src/ca/csr.ts";
import { importRoot } from "../../../src/ca/import-root.ts";
import { issueCertificate } from "../../../src/ca/issue-certificate.ts";
import { createRootCa, type RootCaPem } from "../../../src/ca/root-ca.ts";
import { issuerOf, isTrusted, trustBundleOf } from "../../../src/ca/trust.ts";
import { type OpensslRootOptions, opensslRoot, opensslVerify } from "../../support/openssl-root.ts";

// What openssl makes during the test must count already.
const nowMs = Date.now() + 60_000;
const strangeId = "subjectKeyIdentifier=01020304";
const caOnly = ["basicConstraints=critical,CA:TRUE"];

function leafOf(root: RootCaPem): string {
  return issueCertificate({
    rootCert: root.certificatePem,
    rootKey: root.privateKeyPem,
    csrPem: createKeyAndCsr().csrPem,
    nodeId: "n1",
    role: "manager",
    clusterId: "c1",
    expiryMs: 86_400_000,
    nowMs,
  });
}

function given(options: OpensslRootOptions): RootCaPem {
  const { certificatePem, privateKeyPem } = opensslRoot(options);
  return importRoot({ certificate: certificatePem, key: privateKeyPem }, nowMs);
}

describe("ca: chains during a rotation", () => {
  const ours = createRootCa(nowMs);
  const cases: { name: string; from: RootCaPem; to: RootCaPem }[] = [
    { name: "ours to ours, of the same name", from: ours, to: createRootCa(nowMs) },
    { name: "ours to a user's P-256", from: ours, to: given({ key: "p256" }) },
    { name: "ours to a user's P-384", from: ours, to: given({ key: "p384" }) },
    { name: "ours to a user's RSA", from: ours, to: given({ key: "rsa2048" }) },
    { name: "a user's RSA to ours", from: given({ key: "rsa2048" }), to: ours },
    { name: "a user's P-384 to ours", from: given({ key: "p384" }), to: ours },
    {
      name: "to a root with a key identifier of its own kind",
      from: ours,
      to: given({ extensions: [...caOnly, strangeId] }),
    },
    {
      name: "from a root with a key identifier of its own kind",
      from: given({ extensions: [...caOnly, strangeId] }),
      to: ours,
    },
    { name: "from and to roots of the same name", from: given({}), to: given({}) },
  ];
  for (const { name, from, to } of cases) {
    it(name, () => {
      const cross = crossSign(to.certificatePem, from, nowMs);
      const [before, after] = [leafOf(from), leafOf(to)];
      const both = trustBundleOf({
        caCert: Buffer.from(from.certificatePem),
        rotation: {
          caCert: Buffer.from(to.certificatePem),
          caKey: Buffer.alloc(0),
          crossSignedCaCert: Buffer.from(cross),
        },
      });
      const wanted: [string, string[], string, boolean][] = [
        ["old leaf, old trust", [before], from.certificatePem, true],
        ["old leaf, both", [before], both, true],
        ["old leaf, new trust", [before], to.certificatePem, false],
        ["new leaf, old trust", [after, cross], from.certificatePem, true],
        ["new leaf, both", [after, cross], both, true],
        ["new leaf, new trust", [after, cross], to.certificatePem, true],
        ["new leaf alone, old trust", [after], from.certificatePem, false],
        ["new leaf alone, new trust", [after], to.certificatePem, true],
      ];
      for (const [what, chain, roots, isGood] of wanted) {
        assert.equal(isTrusted(chain.join(""), roots), isGood, what);
        assert.equal(opensslVerify(chain, roots, nowMs) === "OK", isGood, `${what}, by openssl`);
      }
      const issuer = issuerOf(after + cross, from.certificatePem);
      assert.ok(issuer?.publicKey.equals(new X509Certificate(to.certificatePem).publicKey));
    });
  }

  it("a leaf is no issuer", () => {
    const leaf = leafOf(ours);
    assert.equal(isTrusted(leaf, leaf), false);
    assert.equal(isTrusted("", ours.certificatePem), false);
  });

  it("expired roots sign nothing", () => {
    const late = nowMs + 25 * 365 * 86_400_000;
    assert.throws(() => crossSign(createRootCa(late).certificatePem, ours, late), /has expired/);
  });
});

describe("ca: roots that users give", () => {
  const good = opensslRoot();
  const other = opensslRoot();
  const leaf = leafOf(createRootCa(nowMs));
  const certificateOf = (options: OpensslRootOptions) => {
    const { certificatePem: certificate, privateKeyPem: key } = opensslRoot(options);
    return { certificate, key };
  };
  const cases: { name: string; given: { certificate: string; key: string }; want: RegExp }[] = [
    { name: "no certificate", given: { certificate: "x", key: "" }, want: /no PEM certificate/ },
    {
      name: "a damaged certificate",
      given: {
        certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        key: "",
      },
      want: /damaged/,
    },
    {
      name: "two certificates",
      given: { certificate: good.certificatePem + other.certificatePem, key: "" },
      want: /2 certificates; give the root alone/,
    },
    { name: "a node's certificate", given: { certificate: leaf, key: "" }, want: /not of a cert/ },
    {
      name: "no authority",
      given: certificateOf({ extensions: ["basicConstraints=CA:FALSE"] }),
      want: /not of a certificate authority/,
    },
    {
      name: "an authority that may not sign certificates",
      given: certificateOf({ extensions: [...caOnly, "keyUsage=digitalSignature"] }),
      want: /not of a certificate authority/,
    },
    {
      name: "an intermediate",
      given: { certificate: crossSign(good.certificatePem, other, nowMs), key: good.privateKeyPem },
      want: /not self-signed/,
    },
    {
      name: "another's key",
      given: { certificate: good.certificatePem, key: other.privateKeyPem },
      want: /not the key of the certificate/,
    },
    {
      name: "no key",
      given: { certificate: good.certificatePem, key: "x" },
      want: /not a private/,
    },
    {
      name: "an encrypted key",
      given: {
        certificate: good.certificatePem,
        key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
      },
      want: /encrypted; decrypt it first/,
    },
    { name: "RSA of 1024 bits", given: certificateOf({ key: "rsa1024" }), want: /rsa 1024 bits/ },
    { name: "P-521", given: certificateOf({ key: "p521" }), want: /secp521r1; give one on P-256/ },
    { name: "Ed25519", given: certificateOf({ key: "ed25519" }), want: /ed25519/ },
    {
      name: "a huge text",
      given: { certificate: "x".repeat(100_000), key: "" },
      want: /too large/,
    },
  ];
  for (const { name, given: input, want } of cases) {
    it(`refuses ${name}`, () => {
      assert.throws(() => importRoot(input, nowMs), want);
    });
  }

  it("refuses one that has ended, or has not begun, by the manager's clock", () => {
    const input = { certificate: good.certificatePem, key: good.privateKeyPem };
    assert.throws(() => importRoot(input, nowMs + 31 * 86_400_000), /it has expired/);
    assert.throws(() => importRoot(input, nowMs - 86_400_000), /is valid only from/);
  });

  it("takes text around the PEM, and gives one form of it", () => {
    const noisy = `subject=x\r\n${good.certificatePem.replaceAll("\n", "\r\n")}\n\n`;
    const root = importRoot({ certificate: noisy, key: good.privateKeyPem }, nowMs);
    assert.equal(root.certificatePem, good.certificatePem);
    assert.match(root.privateKeyPem, /^-----BEGIN PRIVATE KEY-----/);
    assert.equal(importRoot({ certificate: noisy, key: "" }, nowMs).privateKeyPem, "");
  });
});
