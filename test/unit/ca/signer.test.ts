import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createKeyAndCsr } from "../../../src/ca/csr.ts";
import { issueCertificate } from "../../../src/ca/issue-certificate.ts";
import { createRootCa, type RootCaPem } from "../../../src/ca/root-ca.ts";
import { Signer } from "../../../src/ca/signer.ts";
import type { Cluster } from "../../../src/gen/skep/Cluster.ts";
import type { NodeRoleName } from "../../../src/rpc/roles.ts";
import { aCluster } from "../../support/builders.ts";
import { CaFixture } from "../../support/ca-fixtures.ts";
import { TestCa } from "../../support/test-certificates.ts";

const nowMs = Date.now();
const ca = new CaFixture(nowMs);
const signer = new Signer({
  clock: { now: () => nowMs },
  asker: () => ca.identity("m1", "manager"),
});
const request = (csrPem = createKeyAndCsr().csrPem) => ({
  csrPem,
  nodeId: "n1",
  role: "worker" as NodeRoleName,
});

interface Asked {
  readonly path: string | undefined;
  readonly peer: string;
  readonly body: {
    hosts: string[];
    certificate_request: string;
    subject: { CN: string; names: { OU: string; O: string }[] };
  };
}

describe("ca: an external CA that speaks cfssl", () => {
  let tls: TestCa;
  let server: Server;
  let url: string;
  let asked: Asked[];
  let answer: (asked: Asked) => { status: number; text: string } | undefined;

  before(async () => {
    tls = new TestCa("x");
    const identity = tls.identity("external", "manager", "x", ["127.0.0.1"]);
    server = createServer(
      {
        cert: identity.certificatePem,
        key: identity.privateKeyPem,
        ca: ca.root.certificatePem,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (call, reply) => {
        const chunks: Buffer[] = [];
        call.on("data", (chunk: Buffer) => chunks.push(chunk));
        call.on("end", () => {
          const { socket } = call;
          const peer = "getPeerX509Certificate" in socket ? certificateName(socket) : "";
          const body = JSON.parse(Buffer.concat(chunks).toString()) as Asked["body"];
          const seen = { path: call.url, peer, body };
          asked.push(seen);
          const given = answer(seen);
          if (given === undefined) call.socket.destroy();
          else reply.writeHead(given.status).end(given.text);
        });
      },
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/cfssl/sign`;
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    tls.remove();
  });
  beforeEach(() => {
    asked = [];
    answer = ({ body }) => signed(body.certificate_request);
  });

  function certificateName(socket: object): string {
    const get: unknown = Reflect.get(socket, "getPeerCertificate");
    const certificate: unknown = typeof get === "function" ? get.call(socket) : {};
    return JSON.stringify(certificate).match(/"CN":"([^"]*)"/)?.[1] ?? "";
  }

  function signed(
    csrPem: string,
    given: { root?: RootCaPem; nodeId?: string; role?: NodeRoleName; clusterId?: string } = {},
  ): { status: number; text: string } {
    const { root = ca.root, nodeId = "n1", role = "worker", clusterId = "cluster1" } = given;
    const certificate = issueCertificate({
      rootCert: root.certificatePem,
      rootKey: root.privateKeyPem,
      csrPem,
      nodeId,
      role,
      clusterId,
      expiryMs: 7_200_000,
      nowMs,
    });
    const text = JSON.stringify({ success: true, result: { certificate }, errors: [] });
    return { status: 200, text };
  }

  function cluster(urls: readonly string[] = [url], caCert = tls.rootPem): Cluster {
    const { rootCa } = ca.cluster();
    return aCluster({
      id: "cluster1",
      rootCa: rootCa && { ...rootCa, caKey: Buffer.alloc(0) },
      spec: {
        annotations: {},
        ca: {
          externalCas: urls.map((each) => ({
            protocol: "cfssl",
            url: each,
            caCert: Buffer.from(caCert),
          })),
        },
      },
    });
  }

  // The external CA's own TLS is by another root here, which the manager has to trust; caCert says for whom it signs.
  const forOurs = (urls?: readonly string[]) => cluster(urls, ca.root.certificatePem);

  it("is asked for exactly the node's names, and shown who asks", async () => {
    const trusting = new Signer({
      clock: { now: () => nowMs },
      asker: () => ({
        ...ca.identity("m1", "manager"),
        rootCaPem: ca.root.certificatePem + tls.rootPem,
      }),
    });
    const wanted = request();
    const pem = await trusting.sign(forOurs(), wanted);
    assert.equal(new X509Certificate(pem).subject, "O=cluster1\nOU=swarm-worker\nCN=n1");
    assert.deepEqual(asked, [
      {
        path: "/api/v1/cfssl/sign",
        peer: "m1",
        body: {
          hosts: ["swarm-worker", "n1"],
          certificate_request: wanted.csrPem,
          subject: { CN: "n1", names: [{ OU: "swarm-worker", O: "cluster1" }] },
        },
      },
    ]);
    const spare = await trusting.sign(forOurs(["https://127.0.0.1:1/x", url]), request());
    assert.equal(new X509Certificate(spare).ca, false, "the next one is asked when one is away");
  });

  const trusting = () =>
    new Signer({
      clock: { now: () => nowMs },
      asker: () => ({
        ...ca.identity("m1", "manager"),
        rootCaPem: ca.root.certificatePem + tls.rootPem,
      }),
    });
  const other = createRootCa(nowMs);
  const cases: { name: string; answer: typeof answer; want: RegExp }[] = [
    {
      name: "a refusal, in its words",
      answer: () => ({
        status: 400,
        text: JSON.stringify({ success: false, errors: [{ code: 1, message: "policy says no" }] }),
      }),
      want: /refused \(400\): policy says no/,
    },
    {
      name: "no JSON",
      answer: () => ({ status: 502, text: "<html>" }),
      want: /answered 502 without JSON/,
    },
    {
      name: "no certificate",
      answer: () => ({ status: 200, text: '{"success":true,"result":{}}' }),
      want: /has no certificate/,
    },
    {
      name: "nonsense for a certificate",
      answer: () => ({ status: 200, text: '{"success":true,"result":{"certificate":"x"}}' }),
      want: /no PEM certificate/,
    },
    {
      name: "an answer without end",
      answer: () => ({ status: 200, text: "x".repeat(1_000_000) }),
      want: /larger than/,
    },
    { name: "a connection that breaks", answer: () => undefined, want: /external CA https/ },
    {
      name: "another root's certificate",
      answer: ({ body }) => signed(body.certificate_request, { root: other }),
      want: /not signed by the cluster's root/,
    },
    {
      name: "another node's certificate",
      answer: ({ body }) => signed(body.certificate_request, { nodeId: "n2" }),
      want: /is of worker n2, not of worker n1/,
    },
    {
      name: "a manager's certificate for a worker",
      answer: ({ body }) => signed(body.certificate_request, { role: "manager" }),
      want: /is of manager n1/,
    },
    {
      name: "another cluster's certificate",
      answer: ({ body }) => signed(body.certificate_request, { clusterId: "c2" }),
      want: /another cluster/,
    },
    {
      name: "a certificate of another key",
      answer: () => signed(createKeyAndCsr().csrPem),
      want: /its key is another one/,
    },
  ];
  for (const { name, answer: given, want } of cases) {
    it(`does not take ${name}`, async () => {
      answer = given;
      await assert.rejects(trusting().sign(forOurs(), request()), want);
    });
  }

  it("is not talked to when its own TLS is by a stranger", async () => {
    await assert.rejects(signer.sign(forOurs(), request()), /self-signed|unable to verify/);
    assert.equal(asked.length, 0);
  });

  it("of another root is not asked; and without a key there is nobody then", async () => {
    await assert.rejects(signer.sign(cluster(), request()), /does not have its root's key/);
    assert.equal(asked.length, 0);
  });

  it("bad requests are not sent on", async () => {
    await assert.rejects(trusting().sign(forOurs(), request("x")), /not one PEM block/);
    assert.equal(asked.length, 0);
  });
});
