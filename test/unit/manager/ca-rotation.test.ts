import assert from "node:assert/strict";
import { silentLogger } from "../../../src/base/log.ts";
import { createKeyAndCsr } from "../../../src/ca/csr.ts";
import { issueCertificate } from "../../../src/ca/issue-certificate.ts";
import { newJoinToken } from "../../../src/ca/join-token.ts";
import { createRootCa, type RootCaPem } from "../../../src/ca/root-ca.ts";
import { certificatesOf, issuerInfo, signingRootOf } from "../../../src/ca/trust.ts";
import type { Cluster } from "../../../src/gen/skep/Cluster.ts";
import type { ClusterSpec } from "../../../src/gen/skep/ClusterSpec.ts";
import type { NodeInput } from "../../../src/gen/skep/Node.ts";
import {
  planRotation,
  type RotatingNode,
  type RotationPlan,
  rotationReconciler,
} from "../../../src/manager/ca-rotation.ts";
import { updateRoot } from "../../../src/manager/ca-update.ts";
import { ReconcileLoop } from "../../../src/store/reconcile-loop.ts";
import { aCluster } from "../../support/builders.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const nowMs = Date.UTC(2026, 0, 15, 12);
const random = seededRandom(1);
const [r0, r1, r2] = [createRootCa(nowMs), createRootCa(nowMs), createRootCa(nowMs)];

function node(id: string, given: Partial<RotatingNode> = {}): RotatingNode {
  const fresh = { isReady: true, isTold: false, hasMoved: false, issuedAtMs: undefined };
  return { id, ...fresh, ...given };
}

const many = (count: number, given: Partial<RotatingNode> = {}) =>
  Array.from({ length: count }, (_, index) => node(`n${String(index).padStart(3, "0")}`, given));

describe("manager: plan of a root rotation", () => {
  const rest: RotationPlan = { tell: [], isFinished: false, wakeAtMs: undefined };
  const cases: { name: string; given: RotatingNode[]; want: RotationPlan }[] = [
    {
      name: "tells those that are present, in order",
      given: [node("b"), node("a"), node("c", { isReady: false })],
      want: { ...rest, tell: ["a", "b"] },
    },
    {
      name: "tells 30 at a time",
      given: many(40),
      want: { ...rest, tell: many(30).map(({ id }) => id) },
    },
    {
      name: "tells as many as there is room for",
      given: [...many(28, { isTold: true }), node("x"), node("y"), node("z")],
      want: { ...rest, tell: ["x", "y"] },
    },
    {
      name: "those that are away take no place",
      given: [...many(30, { isTold: true, isReady: false }), node("x")],
      want: { ...rest, tell: ["x"] },
    },
    {
      name: "waits for one that has its certificate to say so",
      given: [node("a", { issuedAtMs: nowMs - 5_000 })],
      want: { ...rest, wakeAtMs: nowMs + 15_000 },
    },
    {
      name: "tells one again that has lost its certificate",
      given: [node("a", { issuedAtMs: nowMs - 20_000 })],
      want: { ...rest, tell: ["a"] },
    },
    {
      name: "is not finished while one is away",
      given: [node("a", { hasMoved: true }), node("b", { isReady: false })],
      want: rest,
    },
    {
      name: "one that has moved is done, wherever it is",
      given: [node("a", { hasMoved: true }), node("b", { hasMoved: true, isReady: false })],
      want: { ...rest, isFinished: true },
    },
    { name: "nobody is nothing", given: [], want: rest },
  ];
  for (const { name, given, want } of cases) {
    it(name, () => assert.deepEqual(planRotation(given, nowMs), want));
  }
});

function clusterWith(root: RootCaPem, spec: Partial<ClusterSpec["ca"]> = {}): Cluster {
  return aCluster({
    spec: { annotations: { name: "default" }, ca: { ...spec } as object },
    rootCa: {
      caCert: Buffer.from(root.certificatePem),
      caKey: Buffer.from(root.privateKeyPem),
      joinTokens: {
        worker: newJoinToken(root.certificatePem, random),
        manager: newJoinToken(root.certificatePem, random),
      },
    },
  });
}

interface CaChange {
  readonly cert?: RootCaPem;
  readonly withKey?: boolean;
  readonly force?: number;
  readonly external?: { url: string; root?: RootCaPem };
}

/** The cluster after a client sent its spec with these changes. */
function change(cluster: Cluster, { cert, withKey = true, force, external }: CaChange): Cluster {
  const sent = aCluster({
    spec: {
      annotations: { name: "default" },
      ca: {
        signingCaCert: Buffer.from(cert?.certificatePem ?? ""),
        signingCaKey: Buffer.from(cert && withKey ? cert.privateKeyPem : ""),
        forceRotate: force ?? cluster.rootCa?.lastForcedRotation ?? 0,
        externalCas: external
          ? [
              {
                protocol: "cfssl",
                url: external.url,
                caCert: Buffer.from(external.root?.certificatePem ?? ""),
              },
            ]
          : [],
      },
    },
  }).spec;
  assert.ok(sent);
  return { ...cluster, ...updateRoot(cluster, sent, nowMs) };
}

const pemOf = (bytes: Buffer | undefined) => bytes?.toString() ?? "";

describe("manager: what an update makes of the root", () => {
  const start = clusterWith(r0);

  it("leaves it alone when nothing is asked", () => {
    assert.deepEqual(change(start, {}).rootCa, start.rootCa);
  });

  it("makes a new root when forced, once", () => {
    const forced = change(start, { force: 1 });
    const coming = pemOf(forced.rootCa?.rotation?.caCert);
    assert.notEqual(coming, "");
    assert.equal(pemOf(forced.rootCa?.caCert), r0.certificatePem);
    assert.equal(pemOf(change(forced, {}).rootCa?.rotation?.caCert), coming);
    assert.notEqual(pemOf(change(forced, { force: 2 }).rootCa?.rotation?.caCert), coming);
  });

  it("goes to the root given, and keeps its key out of the spec", () => {
    const changed = change(start, { cert: r1 });
    assert.equal(pemOf(changed.rootCa?.rotation?.caCert), r1.certificatePem);
    assert.equal(pemOf(changed.rootCa?.rotation?.caKey), r1.privateKeyPem);
    assert.equal(changed.spec?.ca?.signingCaKey.length, 0);
    assert.equal(pemOf(changed.spec?.ca?.signingCaCert), r1.certificatePem);
    const again = change(changed, { cert: r1, withKey: false });
    assert.deepEqual(again.rootCa, changed.rootCa, "what a client was shown and sends back");
  });

  it("a second rotation replaces the first, signed by the root in force", () => {
    const second = change(change(start, { cert: r1 }), { cert: r2 });
    const [cross] = certificatesOf(pemOf(second.rootCa?.rotation?.crossSignedCaCert));
    const [old] = certificatesOf(r0.certificatePem);
    assert.equal(pemOf(second.rootCa?.rotation?.caCert), r2.certificatePem);
    assert.ok(cross && old && cross.verify(old.publicKey));
  });

  it("goes back to the root in force the same way", () => {
    const back = change(change(start, { cert: r1 }), { cert: r0, withKey: false });
    assert.equal(pemOf(back.rootCa?.rotation?.caCert), r0.certificatePem);
    assert.ok(back.rootCa);
    assert.equal(signingRootOf(back.rootCa).privateKeyPem, r0.privateKeyPem);
    assert.equal(signingRootOf(back.rootCa).intermediatePem, "");
  });

  const refusals: { name: string; given: () => Cluster; want: RegExp }[] = [
    {
      name: "a root nobody can sign with",
      given: () => change(start, { cert: r1, withKey: false }),
      want: /no key and no external CA signs for it/,
    },
    {
      name: "an external CA of another root",
      given: () =>
        change(start, { cert: r1, withKey: false, external: { url: "https://x", root: r2 } }),
      want: /no external CA signs for it/,
    },
    {
      name: "a change of root where the old key is not in the cluster",
      given: () => {
        const external = { url: "https://x", root: r1 };
        const away = change(start, { cert: r1, withKey: false, external });
        assert.ok(away.rootCa?.rotation);
        const done = { ...away.rootCa, ...away.rootCa.rotation, rotation: null };
        return change({ ...away, rootCa: done }, { cert: r2 });
      },
      want: /the present root's key is not in the cluster/,
    },
    {
      name: "taking the external CA away that signs",
      given: () => {
        const rootCa = start.rootCa && { ...start.rootCa, caKey: Buffer.alloc(0) };
        return change({ ...start, rootCa }, {});
      },
      want: /no external CA signs for it/,
    },
  ];
  for (const { name, given, want } of refusals) {
    it(`refuses ${name}`, () => assert.throws(given, want));
  }

  it("an external CA that names no root is of the root there is, and not of one made later", () => {
    const with0 = change(start, { external: { url: "https://x" } });
    assert.equal(pemOf(with0.spec?.ca?.externalCas[0]?.caCert), r0.certificatePem);
    const forced = change(start, { force: 1, external: { url: "https://x" } });
    assert.equal(pemOf(forced.spec?.ca?.externalCas[0]?.caCert), r0.certificatePem);
    assert.ok((forced.rootCa?.rotation?.caKey.length ?? 0) > 0, "the cluster signs by itself");
    const given = change(start, { cert: r1, withKey: false, external: { url: "https://x" } });
    assert.equal(pemOf(given.spec?.ca?.externalCas[0]?.caCert), r1.certificatePem);
  });

  it("takes an external CA for the root given", () => {
    const external = { url: "https://x", root: r1 };
    const changed = change(start, { cert: r1, withKey: false, external });
    assert.equal(pemOf(changed.rootCa?.rotation?.caCert), r1.certificatePem);
  });
});

describe("manager: a root rotation from begin to end", () => {
  const issued = (root: RootCaPem, id: string) =>
    issueCertificate({
      rootCert: root.certificatePem,
      rootKey: root.privateKeyPem,
      csrPem: createKeyAndCsr().csrPem,
      nodeId: id,
      role: "worker",
      clusterId: "cluster1",
      expiryMs: 90 * 86_400_000,
      nowMs,
    });
  const tls = (root: RootCaPem, trusted: readonly RootCaPem[]) => {
    const [certificate] = certificatesOf(root.certificatePem);
    assert.ok(certificate);
    const { subject, publicKey } = issuerInfo(certificate);
    return {
      trustRoot: Buffer.from(trusted.map(({ certificatePem }) => certificatePem).join("")),
      certIssuerSubject: Buffer.from(subject),
      certIssuerPublicKey: Buffer.from(publicKey),
    };
  };
  const nodeBy = (id: string, state: "READY_NODE" | "DOWN"): NodeInput => ({
    id,
    spec: {},
    status: { state },
    description: { tlsInfo: tls(r0, [r0]) },
    certificate: { state: "ISSUANCE_ISSUED", certificate: Buffer.from(issued(r0, id)) },
  });

  it("tells, waits for the absent, takes an interruption, and changes root and tokens at the end", async () => {
    const clock = new FakeClock(nowMs);
    const { store, seed } = createMemoryStore(clock);
    seed("cluster", change(clusterWith(r0), { cert: r1 }));
    seed("node", nodeBy("n1", "READY_NODE"), nodeBy("n2", "READY_NODE"), nodeBy("n3", "DOWN"));
    const lead = () => {
      const loop = new ReconcileLoop(rotationReconciler(random), {
        store,
        clock,
        random,
        log: silentLogger,
      });
      loop.start();
      return loop;
    };
    const states = () => [...store.view().all("node")].map((n) => n.certificate?.state);
    const renew = (id: string) =>
      store.update((tx) => {
        const found = tx.get("node", id);
        assert.ok(found?.certificate);
        const certificate = Buffer.from(issued(r1, id));
        tx.update("node", {
          ...found,
          certificate: { ...found.certificate, state: "ISSUANCE_ISSUED", certificate },
        });
      });
    const report = (id: string, trusted: readonly RootCaPem[]) =>
      store.update((tx) => {
        const found = tx.get("node", id);
        assert.ok(found?.description);
        const description = { ...found.description, tlsInfo: tls(r1, trusted) };
        const status = { state: "READY_NODE" as const, message: "", addr: "" };
        tx.update("node", { ...found, status, description });
      });
    let loop = lead();
    await clock.run(1_000);
    assert.deepEqual(states(), ["ISSUANCE_ROTATE", "ISSUANCE_ROTATE", "ISSUANCE_ISSUED"]);
    await renew("n1");
    await report("n1", [r0, r1]);
    await loop.stop(); // another manager leads from here on
    await renew("n2");
    loop = lead();
    await report("n2", [r0]);
    await clock.run(60_000);
    assert.equal(states()[1], "ISSUANCE_ROTATE", "told again, for it does not trust the new root");
    await report("n2", [r0, r1]);
    await clock.run(60_000);
    assert.ok(store.view().cluster()?.rootCa?.rotation, "open while n3 is away");
    assert.equal(states()[2], "ISSUANCE_ISSUED", "nobody tells those that cannot hear");
    await report("n3", [r0, r1]);
    await clock.run(1_000);
    const rootCa = store.view().cluster()?.rootCa;
    assert.equal(rootCa?.rotation, null);
    assert.equal(pemOf(rootCa?.caCert), r1.certificatePem);
    assert.equal(pemOf(rootCa?.caKey), r1.privateKeyPem);
    const digest = newJoinToken(r1.certificatePem, random).split("-")[2] ?? "?";
    assert.ok(rootCa?.joinTokens?.worker.includes(digest));
    assert.ok(rootCa?.joinTokens?.manager.includes(digest));
    await loop.stop();
    assert.equal(clock.pending, 0);
  });

  it("one that was moved by a rotation which this one has replaced is told at once", async () => {
    const clock = new FakeClock(nowMs);
    const { store, seed } = createMemoryStore(clock);
    const first = change(clusterWith(r0), { cert: r1 });
    const chain = issued(r1, "n1") + pemOf(first.rootCa?.rotation?.crossSignedCaCert);
    seed("cluster", change(first, { cert: r2 }));
    seed("node", {
      ...nodeBy("n1", "READY_NODE"),
      description: { tlsInfo: tls(r1, [r0, r1]) },
      certificate: { state: "ISSUANCE_ISSUED", certificate: Buffer.from(chain) },
    });
    const deps = { store, clock, random, log: silentLogger };
    const loop = new ReconcileLoop(rotationReconciler(random), deps);
    loop.start();
    await clock.run(1_000);
    assert.equal(store.view().get("node", "n1")?.certificate?.state, "ISSUANCE_ROTATE");
    await loop.stop();
  });

  it("a removed node holds nothing up", async () => {
    const clock = new FakeClock(nowMs);
    const { store, seed } = createMemoryStore(clock);
    seed("cluster", change(clusterWith(r0), { cert: r1 }));
    seed("node", { ...nodeBy("n1", "READY_NODE"), description: { tlsInfo: tls(r1, [r0, r1]) } });
    seed("node", nodeBy("n2", "DOWN"));
    const deps = { store, clock, random, log: silentLogger };
    const loop = new ReconcileLoop(rotationReconciler(random), deps);
    loop.start();
    await clock.run(1_000);
    assert.ok(store.view().cluster()?.rootCa?.rotation);
    await store.update((tx) => tx.remove("node", "n2"));
    await clock.run(1_000);
    assert.equal(store.view().cluster()?.rootCa?.rotation, null);
    await loop.stop();
  });
});
