import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { systemClock } from "../../src/base/clock.ts";
import { isClusterError } from "../../src/base/errors.ts";
import { silentLogger as log } from "../../src/base/log.ts";
import { systemRandom as random } from "../../src/base/random.ts";
import { joinCluster } from "../../src/ca/ca-client.ts";
import { caHandlers, caRoles } from "../../src/ca/ca-server.ts";
import { CertificateRenewer } from "../../src/ca/renewer.ts";
import { createRootCa } from "../../src/ca/root-ca.ts";
import { Signer } from "../../src/ca/signer.ts";
import { IdentityHolder } from "../../src/daemon/identity-holder.ts";
import { IdentityKeeper } from "../../src/daemon/identity-keeper.ts";
import { caStateOver } from "../../src/manager/ca-state.ts";
import { ChannelPool } from "../../src/rpc/channel-pool.ts";
import { fixedIdentity } from "../../src/rpc/credentials.ts";
import { RpcServer } from "../../src/rpc/server.ts";
import { aNode } from "../support/builders.ts";
import { CaFixture } from "../support/ca-fixtures.ts";
import { createMemoryStore } from "../support/memory-proposer.ts";
import { until } from "../support/until.ts";

const hourMs = 3_600_000;

// In one process, since a daemon's TLS always goes by the machine's clock: the manager's and the joiner's own clock is what is moved here.
describe("certificates of an hour, and a clock that moves", () => {
  const ca = new CaFixture(Date.now(), createRootCa(Date.now() - 365 * 24 * hourMs));
  const { store, seed } = createMemoryStore();
  let offsetMs = 0;
  const moved = { ...systemClock, now: () => systemClock.now() + offsetMs };
  let server: RpcServer;
  let address: string;

  before(async () => {
    const spec = { annotations: {}, ca: { nodeCertExpiry: { seconds: 3_600 } } };
    seed("cluster", { ...ca.cluster(), spec });
    server = new RpcServer({ identity: fixedIdentity(ca.identity("m1", "manager")), log });
    const state = caStateOver({
      store,
      isLeader: () => true,
      leaderAddress: () => address,
      readBarrier: async () => {},
    });
    const signer = new Signer({ clock: moved, asker: undefined });
    server.add("NodeCa", caHandlers({ state, signer, clock: moved, random }), caRoles);
    const check = async () => ({ status: "SERVING" as const });
    server.add("Health", { check }, { Check: "worker" });
    address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  });
  after(() => server.stop(0));

  it("a node that slept past its certificate's end comes back as the node it was, and not once it is removed", async () => {
    const joined = new CaFixture(Date.now() - 2 * hourMs, ca.root).identity("w1", "worker", hourMs);
    const certificate = { certificate: Buffer.from(joined.certificatePem) };
    seed("node", aNode({ id: "w1", role: "WORKER", certificate }));
    const holder = new IdentityHolder(joined);
    const channels = new ChannelPool({ identity: holder, log });
    const keeper = new IdentityKeeper({
      holder,
      save: async () => {},
      managers: () => [address],
      manager: () => undefined,
      channels,
      clock: systemClock,
      log,
    });
    const errors: unknown[] = [];
    const renew = () =>
      keeper.renew().catch((error: unknown) => {
        errors.push(error);
        throw error;
      });
    const renewer = new CertificateRenewer({
      identity: holder,
      renew,
      clock: systemClock,
      random,
      log,
    });
    const call = () => channels.unary(address, "Health", "Check", {});
    try {
      await assert.rejects(call(), (error) => isClusterError(error, "UNAUTHENTICATED"));
      renewer.start();
      await until("a new certificate", 10_000, async () => holder.current() !== joined);
      const renewed = holder.current();
      assert.equal(renewed.nodeId, joined.nodeId);
      const left = Date.parse(new X509Certificate(renewed.certificatePem).validTo) - Date.now();
      assert.ok(left > 0 && left <= hourMs, `an hour's life, ${left} ms left`);
      assert.deepEqual(await call(), { status: "SERVING" });

      renewer.renewNow();
      await until("one by TLS alone", 10_000, async () => holder.current() !== renewed);
      assert.deepEqual(errors, []);

      const last = holder.current();
      await store.update((tx) => tx.remove("node", joined.nodeId));
      renewer.renewNow();
      await until("a refusal", 10_000, async () => errors.length > 0);
      assert.ok(isClusterError(errors[0], "PERMISSION_DENIED"), String(errors[0]));
      assert.equal(holder.current(), last);
    } finally {
      await renewer.stop();
      channels.stop();
    }
  });

  it("what a manager with a wrong clock issues is not taken, and what was there stays", async () => {
    for (const wrong of [-3 * hourMs, 3 * hourMs]) {
      offsetMs = wrong;
      const joining = joinCluster(
        { address, token: ca.workerToken, availability: "ACTIVE" },
        { clock: systemClock },
      );
      await assert.rejects(joining, /the clocks of this node and of the manager differ/);
    }
    offsetMs = 0;
  });
});
