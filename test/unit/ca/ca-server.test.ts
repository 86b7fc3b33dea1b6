import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { ClusterError, isClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemRandom } from "../../../src/base/random.ts";
import { joinCluster, renewCertificate } from "../../../src/ca/ca-client.ts";
import { type CaState, caHandlers, caRoles } from "../../../src/ca/ca-server.ts";
import { createKeyAndCsr } from "../../../src/ca/csr.ts";
import { checkExpiredProof, proveExpired } from "../../../src/ca/expired-proof.ts";
import { createRootCa } from "../../../src/ca/root-ca.ts";
import { Signer } from "../../../src/ca/signer.ts";
import type { Cluster } from "../../../src/gen/skep/Cluster.ts";
import type { Node } from "../../../src/gen/skep/Node.ts";
import { ChannelPool } from "../../../src/rpc/channel-pool.ts";
import { fixedIdentity, type TlsIdentity } from "../../../src/rpc/credentials.ts";
import { RpcServer } from "../../../src/rpc/server.ts";
import { aNode } from "../../support/builders.ts";
import { CaFixture } from "../../support/ca-fixtures.ts";

class FakeState implements CaState {
  nodes = new Map<string, Node>();
  notLeader: ClusterError | undefined;
  current: Cluster;
  constructor(cluster: Cluster) {
    this.current = cluster;
  }
  async ensureLeader(): Promise<void> {
    if (this.notLeader !== undefined) throw this.notLeader;
  }
  cluster(): Cluster {
    return this.current;
  }
  node(id: string): Node | undefined {
    return this.nodes.get(id);
  }
  async addNode(node: Parameters<CaState["addNode"]>[0]): Promise<void> {
    this.nodes.set(node.id ?? "", aNode(node));
  }
  async setCertificate(): Promise<void> {}
}

// Certificates are compared with the machine's own time by TLS, so these tests use it too.
const clock = { now: () => Date.now(), monotonic: () => 0, setTimer: () => ({ cancel() {} }) };

const signer = new Signer({ clock, asker: undefined });

describe("ca: server and client over TLS", () => {
  const ca = new CaFixture(Date.now(), createRootCa(Date.now() - 365 * 86_400_000));
  const foreign = new CaFixture(Date.now());
  const identity = ca.identity("manager1", "manager");
  let state: FakeState;
  let follower: FakeState;
  let servers: RpcServer[];
  let pools: ChannelPool[];
  let address: string;
  let followerAddress: string;

  async function serve(caState: CaState): Promise<string> {
    const server = new RpcServer({ identity: fixedIdentity(identity), log: silentLogger });
    server.add(
      "NodeCa",
      caHandlers({ state: caState, signer, clock, random: systemRandom }),
      caRoles,
    );
    servers.push(server);
    return `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  }

  function renew(who: TlsIdentity): Promise<TlsIdentity> {
    const channels = new ChannelPool({ identity: fixedIdentity(who), log: silentLogger });
    pools.push(channels);
    return renewCertificate(who, [followerAddress, address], channels, clock);
  }

  const join = (token: string, to = address) =>
    joinCluster({ address: to, token, availability: "DRAIN" }, { clock });

  before(async () => {
    servers = [];
    pools = [];
    state = new FakeState(ca.cluster());
    follower = new FakeState(ca.cluster());
    address = await serve(state);
    followerAddress = await serve(follower);
    follower.notLeader = new ClusterError("NOT_LEADER", "not the leader", {
      details: { leaderAddress: address },
    });
  });
  after(async () => {
    for (const pool of pools) pool.stop();
    await Promise.all(servers.map((server) => server.stop(0)));
  });

  it("the token decides the role, and the node object is made", async () => {
    const worker = await join(ca.workerToken);
    const manager = await join(ca.managerToken);
    assert.deepEqual([worker.role, manager.role], ["worker", "manager"]);
    const node = state.node(worker.nodeId);
    assert.deepEqual(
      [node?.role, node?.spec?.desiredRole, node?.spec?.availability, node?.membership],
      ["WORKER", "WORKER", "DRAIN", "MEMBERSHIP_ACCEPTED"],
    );
    assert.equal(node?.certificate?.state, "ISSUANCE_ISSUED");
  });

  it("a follower names the leader", async () => {
    assert.equal((await join(ca.workerToken, followerAddress)).role, "worker");
  });

  it("renewal gives the role the node has now", async () => {
    const worker = await join(ca.workerToken);
    assert.equal((await renew(worker)).role, "worker");
    const node = state.nodes.get(worker.nodeId);
    assert(node !== undefined);
    state.nodes.set(worker.nodeId, { ...node, role: "MANAGER" });
    const renewed = await renew(worker);
    assert.deepEqual([renewed.role, renewed.nodeId], ["manager", worker.nodeId]);
    assert.notEqual(renewed.privateKeyPem, worker.privateKeyPem);
  });

  it("a removed node gets nothing", async () => {
    const worker = await join(ca.workerToken);
    state.current = {
      ...ca.cluster(),
      blacklistedCertificates: [{ nodeId: worker.nodeId, expiry: null }],
    };
    await assert.rejects(renew(worker), (error) => isClusterError(error, "PERMISSION_DENIED"));
    state.current = ca.cluster();
    state.nodes.delete(worker.nodeId);
    await assert.rejects(renew(worker), /was removed from the cluster/);
  });

  describe("renewal with a certificate that has expired", () => {
    const dayMs = 86_400_000;
    // As of then: it ended two days ago.
    const past = new CaFixture(Date.now() - 92 * dayMs, ca.root);
    const expired = past.identity("worker9", "worker");
    const known = (identity: TlsIdentity): void => {
      const certificate = { certificate: Buffer.from(identity.certificatePem) };
      state.nodes.set(identity.nodeId, aNode({ id: identity.nodeId, role: "WORKER", certificate }));
    };
    beforeEach(() => known(expired));

    it("is given to the owner of its key, and only the certificate changes", async () => {
      const renewed = await renew(expired);
      assert.deepEqual([renewed.nodeId, renewed.role], ["worker9", "worker"]);
      assert.ok(Date.parse(new X509Certificate(renewed.certificatePem).validTo) > Date.now());
    });

    const older = past.identity("worker9", "worker");
    const ancient = new CaFixture(Date.now() - 190 * dayMs, ca.root).identity("worker9", "worker");
    const foreignRoot = new CaFixture(Date.now() - 92 * dayMs).identity("worker9", "worker");
    const stranger = { ...foreignRoot, rootCaPem: ca.root.certificatePem };
    const cases: { name: string; who: TlsIdentity; given?: () => void; want: RegExp }[] = [
      { name: "an older one of the node", who: older, want: /not the last one of node worker9/ },
      {
        name: "one that ended too long ago",
        who: ancient,
        given: () => known(ancient),
        want: /too long ago; leave and join again/,
      },
      {
        name: "one of another root",
        who: stranger,
        given: () => known(stranger),
        want: /not issued by this cluster's root/,
      },
      {
        name: "one of a node that was removed",
        who: expired,
        given: () => state.nodes.delete("worker9"),
        want: /not the last one of node worker9/,
      },
      {
        name: "one without its key",
        who: { ...expired, privateKeyPem: older.privateKeyPem },
        want: /not signed by its key|key values mismatch/,
      },
    ];
    for (const { name, who, given, want } of cases) {
      it(`is refused for ${name}`, async () => {
        given?.();
        await assert.rejects(renew(who), want);
      });
    }

    it("is refused for a removed node whose object is still there", async () => {
      const blacklistedCertificates = [{ nodeId: "worker9", expiry: null }];
      state.current = { ...ca.cluster(), blacklistedCertificates };
      await assert.rejects(renew(expired), (error) => isClusterError(error, "PERMISSION_DENIED"));
      state.current = ca.cluster();
    });

    it("cannot be taken over for another request", () => {
      const csr = Buffer.from(createKeyAndCsr().csrPem);
      const { certificate, signature } = proveExpired(expired, csr);
      const check = (request: Uint8Array, sign = signature) =>
        checkExpiredProof({ certificate, signature: sign }, request, {
          rootsPem: ca.root.certificatePem,
          clusterId: "cluster1",
          nowMs: Date.now(),
          graceMs: 30 * dayMs,
          lastOf: () => expired.certificatePem,
        });
      assert.equal(check(csr).nodeId, "worker9");
      assert.throws(() => check(Buffer.from(createKeyAndCsr().csrPem)), /not signed by its key/);
      assert.throws(() => check(csr, Buffer.alloc(0)), /not signed by its key/);
    });
  });

  it("a certificate that is not valid by this node's clock is not taken", async () => {
    const ahead = { now: () => Date.now() + 91 * 86_400_000 };
    const joining = joinCluster(
      { address, token: ca.workerToken, availability: "ACTIVE" },
      { clock: ahead },
    );
    await assert.rejects(joining, /the clocks of this node and of the manager differ/);
  });

  it("no certificate and no token: refused", async () => {
    const handlers = caHandlers({ state, signer, clock, random: systemRandom });
    const context = {
      peer: undefined,
      signal: new AbortController().signal,
      remoteAddress: "1.2.3.4:5",
    };
    await assert.rejects(
      handlers.issueNodeCertificate(
        { csr: Buffer.from("x"), token: "", availability: "ACTIVE", expired: null },
        context,
      ),
      (error) => isClusterError(error, "UNAUTHENTICATED"),
    );
  });

  it("a token of another cluster is found out before anything is sent", async () => {
    await assert.rejects(join(foreign.workerToken), /remote CA does not match fingerprint/);
  });

  it("a wrong secret is refused, and guessing is slowed down", async () => {
    const wrong = ca.workerToken.replace(/.{25}$/, "0".repeat(25));
    await assert.rejects(join(wrong), (error) => isClusterError(error, "INVALID_ARGUMENT"));
    const handlers = caHandlers({ state, signer, clock, random: systemRandom });
    const context = {
      peer: undefined,
      signal: new AbortController().signal,
      remoteAddress: "9.9.9.9:5",
    };
    const request = {
      csr: Buffer.from("x"),
      token: wrong,
      availability: "ACTIVE" as const,
      expired: null,
    };
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await assert.rejects(handlers.issueNodeCertificate(request, context), /valid join token/);
    }
    await assert.rejects(handlers.issueNodeCertificate(request, context), (error) =>
      isClusterError(error, "RESOURCE_EXHAUSTED"),
    );
  });
});
