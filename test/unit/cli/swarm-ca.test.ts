import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CaFlags,
  progressText,
  readCaFlags,
  rotatedSpec,
} from "../../../src/cli/commands/swarm-ca.ts";
import type { NodeJson } from "../../../src/rest/wire/node.ts";
import type { SwarmSpecJson } from "../../../src/rest/wire/swarm.ts";

describe("skep swarm ca: flags", () => {
  const pem = "-----BEGIN CERTIFICATE-----\nCERT\n-----END CERTIFICATE-----\n";
  let folder: string;
  const file = (name: string) => join(folder, name);
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-ca-"));
    writeFileSync(file("cert"), pem);
    writeFileSync(file("key"), "KEY");
  });
  after(() => rmSync(folder, { recursive: true }));

  const good: { name: string; given: () => CaFlags; want: object }[] = [
    { name: "nothing", given: () => ({}), want: {} },
    {
      name: "a root with its key",
      given: () => ({ caCert: file("cert"), caKey: file("key") }),
      want: { SigningCACert: pem, SigningCAKey: "KEY" },
    },
    {
      name: "a life",
      given: () => ({ certExpiry: "1h30m" }),
      want: { NodeCertExpiry: 5_400_000_000_000 },
    },
    {
      name: "a root and who signs for it",
      given: () => ({
        caCert: file("cert"),
        externalCa: [`Protocol=CFSSL,url=https://ca:8888/sign,cacert=${file("cert")},label=x`],
      }),
      want: {
        SigningCACert: pem,
        SigningCAKey: "",
        ExternalCAs: [
          {
            Protocol: "cfssl",
            URL: "https://ca:8888/sign",
            Options: { label: "x" },
            CACert: pem,
          },
        ],
      },
    },
  ];
  for (const { name, given, want } of good) {
    it(`reads ${name}`, async () => assert.deepEqual(await readCaFlags(given()), want));
  }

  const bad: { name: string; given: () => CaFlags; want: RegExp }[] = [
    {
      name: "a key alone",
      given: () => ({ caKey: file("key") }),
      want: /--ca-key needs --ca-cert/,
    },
    {
      name: "a root nobody signs for",
      given: () => ({ caCert: file("cert") }),
      want: /--ca-cert needs --ca-key or --external-ca/,
    },
    {
      name: "a file that is not there",
      given: () => ({ caCert: file("none"), caKey: file("key") }),
      want: /--ca-cert: .*ENOENT/,
    },
    { name: "a folder", given: () => ({ caCert: folder, caKey: folder }), want: /EISDIR/ },
    { name: "a life of nothing", given: () => ({ certExpiry: "soon" }), want: /--cert-expiry/ },
    { name: "a negative life", given: () => ({ certExpiry: "-1h" }), want: /--cert-expiry/ },
    { name: "an empty external CA", given: () => ({ externalCa: [""] }), want: /--external-ca/ },
    {
      name: "an external CA without protocol",
      given: () => ({ externalCa: ["url=https://x"] }),
      want: /it must be protocol=cfssl,url=https/,
    },
    {
      name: "an unknown protocol",
      given: () => ({ externalCa: ["protocol=acme,url=https://x"] }),
      want: /it must be protocol=cfssl/,
    },
    {
      name: "plain http",
      given: () => ({ externalCa: ["protocol=cfssl,url=http://x"] }),
      want: /url=https/,
    },
    {
      name: "an external CA's root that is not there",
      given: () => ({ externalCa: [`protocol=cfssl,url=https://x,cacert=${file("none")}`] }),
      want: /--external-ca cacert: .*ENOENT/,
    },
  ];
  for (const { name, given, want } of bad) {
    it(`refuses ${name}`, async () => assert.rejects(readCaFlags(given()), want));
  }

  it("asks for a new root each time, or for the given one once", () => {
    const before: SwarmSpecJson = {
      Name: "default",
      Labels: {},
      Orchestration: {},
      Raft: { ElectionTick: 0, HeartbeatTick: 0 },
      Dispatcher: {},
      CAConfig: { ForceRotate: 3, SigningCACert: "OLD", NodeCertExpiry: 5 },
      TaskDefaults: {},
      EncryptionConfig: { AutoLockManagers: false },
    };
    const made = rotatedSpec(before, {}).CAConfig;
    assert.deepEqual(made, { ForceRotate: 4, SigningCACert: "", NodeCertExpiry: 5 });
    const given = rotatedSpec(before, { SigningCACert: "NEW", SigningCAKey: "K" }).CAConfig;
    assert.deepEqual([given.ForceRotate, given.SigningCACert, given.SigningCAKey], [3, "NEW", "K"]);
  });

  it("tells how many nodes have moved, and who is being waited for", () => {
    const node = (Hostname: string, key: string, State: string) =>
      ({
        ID: Hostname,
        Status: { State },
        Description: { Hostname, TLSInfo: { CertIssuerPublicKey: key, CertIssuerSubject: "s" } },
      }) as NodeJson;
    const TLSInfo = { TrustRoot: "PEM", CertIssuerPublicKey: "new", CertIssuerSubject: "s" };
    const nodes = [node("a", "new", "down"), node("b", "old", "ready"), node("c", "old", "down")];
    assert.equal(
      progressText({ TLSInfo, RootRotationInProgress: true }, nodes),
      "rotated TLS certificates: 1/3 nodes; waiting for c to come back",
    );
    assert.match(
      progressText({ TLSInfo, RootRotationInProgress: false }, nodes.slice(0, 1)),
      /^rotated TLS certificates: 1\/1 nodes; root sha256:[0-9a-f]{64}$/,
    );
  });
});
