import assert from "node:assert/strict";
import { sleep, systemClock } from "../../../src/base/clock.ts";
import { ClusterError, isClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemRandom } from "../../../src/base/random.ts";
import type { ControlClient } from "../../../src/gen/skep/Control.ts";
import type { GetRootCaCertificateResponse } from "../../../src/gen/skep/GetRootCaCertificateResponse.ts";
import type { HealthHandlers } from "../../../src/gen/skep/Health.ts";
import type { HealthCheckResponse } from "../../../src/gen/skep/HealthCheckResponse.ts";
import type { NodeCaHandlers } from "../../../src/gen/skep/NodeCa.ts";
import type { RaftHandlers } from "../../../src/gen/skep/Raft.ts";
import type { SnapshotAck } from "../../../src/gen/skep/SnapshotAck.ts";
import type { ServiceHandlers, UnaryApi } from "../../../src/rpc/api.ts";
import type { CallContext } from "../../../src/rpc/call.ts";
import { ChannelPool } from "../../../src/rpc/channel-pool.ts";
import {
  fixedIdentity,
  type IdentitySource,
  type TlsIdentity,
} from "../../../src/rpc/credentials.ts";
import { createLeaderApi, maySendAgain } from "../../../src/rpc/leader-forward.ts";
import { RpcServer } from "../../../src/rpc/server.ts";
import { TestCa } from "../../support/test-certificates.ts";

describe("rpc over mutual TLS", () => {
  const log = silentLogger;
  let ca: TestCa;
  let manager: TlsIdentity;
  let worker: TlsIdentity;
  let server: RpcServer;
  let address: string;
  let source: ChangeableIdentity;
  const pools: ChannelPool[] = [];
  let lastContext: CallContext | undefined;
  let streamEnded: Promise<unknown> | undefined;
  let onChunk = (): void => {};

  before(async () => {
    ca = new TestCa("cluster-a");
    manager = ca.identity("manager1", "manager");
    worker = ca.identity("worker1", "worker");
    source = new ChangeableIdentity(manager);
    server = new RpcServer({ identity: source, log });
    const health: ServiceHandlers<HealthHandlers> = {
      async check(request, context) {
        lastContext = context;
        if (request.service === "boom") throw new TypeError("secret inner text");
        if (request.service === "leader") {
          throw new ClusterError("NOT_LEADER", "node m1 is not the leader", {
            details: { leaderAddress: "10.0.0.2:2377" },
          });
        }
        if (request.service === "wait") {
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        }
        return { status: "SERVING" };
      },
    };
    const nodeCa: ServiceHandlers<NodeCaHandlers> = {
      getRootCaCertificate: async () => ({ certificate: Buffer.from(ca.rootPem) }),
      issueNodeCertificate: async () => ({}),
    };
    const raft: ServiceHandlers<RaftHandlers> = {
      async sendSnapshot(chunks) {
        const work = (async () => {
          let receivedBytes = 0;
          for await (const { data, offset } of chunks) {
            if (offset > 0) throw new ClusterError("DATA_LOSS", "stopped");
            receivedBytes += data.length;
            onChunk();
          }
          return { receivedBytes };
        })();
        streamEnded = work.catch((error: unknown) => error);
        return await work;
      },
    };
    server.add("Health", health, { Check: "worker" });
    server.add("NodeCa", nodeCa, {
      GetRootCaCertificate: "anyone",
      IssueNodeCertificate: "anyone",
    });
    server.add("Raft", raft, { SendSnapshot: ["manager"] });
    address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  });

  after(async () => {
    for (const pool of pools) pool.stop();
    await server.stop(100);
    ca.remove();
  });

  function poolOf(identity: TlsIdentity | IdentitySource): ChannelPool {
    const identitySource = "current" in identity ? identity : fixedIdentity(identity);
    const pool = new ChannelPool({ identity: identitySource, log });
    pools.push(pool);
    return pool;
  }

  const check = (pool: ChannelPool, service = ""): Promise<HealthCheckResponse> =>
    pool.unary(address, "Health", "Check", { service }, { timeoutMs: 5_000 });

  it("tells the handler who calls", async () => {
    assert.equal((await check(poolOf(worker))).status, "SERVING");
    assert.deepEqual(lastContext?.peer, { nodeId: "worker1", role: "worker" });
    assert.match(lastContext?.remoteAddress ?? "", /^127\.0\.0\.1:\d+$/);
  });

  it("counts a manager as a worker, and keeps workers out of managers' methods", async () => {
    assert.equal((await check(poolOf(manager))).status, "SERVING");
    const upload = poolOf(worker).upload(address, "Raft", "SendSnapshot", { timeoutMs: 5_000 });
    upload.end();
    await assert.rejects(upload.response, (error) => isClusterError(error, "PERMISSION_DENIED"));
  });

  it("lets joiners in without a certificate only where anyone may call", async () => {
    const joiner = { ...worker, certificatePem: "", privateKeyPem: "" };
    const { channelCredentials: _, ...rest } = { channelCredentials: 0, ...joiner };
    const pool = poolOf({ ...rest });
    const root: GetRootCaCertificateResponse = await pool.unary(
      address,
      "NodeCa",
      "GetRootCaCertificate",
      {},
    );
    assert.equal(root.certificate.toString(), ca.rootPem);
    await assert.rejects(check(pool), (error) => isClusterError(error, "UNAUTHENTICATED"));
  });

  it("refuses certificates of another cluster, by name and by root", async () => {
    const named = poolOf({ ...ca.identity("stranger", "manager", "cluster-b") });
    await assert.rejects(check(named), (error) => isClusterError(error, "UNAUTHENTICATED"));
    const otherCa = new TestCa("cluster-a");
    const rooted = otherCa.identity("stranger2", "manager");
    otherCa.remove();
    const forged = poolOf({ ...rooted, rootCaPem: ca.rootPem });
    await assert.rejects(check(forged), (error) => isClusterError(error, "UNAUTHENTICATED"));
    await assert.rejects(check(poolOf(rooted)), (error) => isClusterError(error, "UNAVAILABLE"));
  });

  it("does not talk to a server that is not a manager", async () => {
    const impostor = new RpcServer({ identity: fixedIdentity(worker), log });
    const port = await impostor.listen("127.0.0.1:0");
    await assert.rejects(
      poolOf(worker).unary(`127.0.0.1:${port}`, "Health", "Check", {}),
      /not of a manager/,
    );
    await impostor.stop(0);
  });

  it("carries our codes and details, and hides what is not meant for callers", async () => {
    await assert.rejects(check(poolOf(worker), "leader"), (error: ClusterError) => {
      assert.equal(error.code, "NOT_LEADER");
      assert.equal(error.message, "node m1 is not the leader");
      assert.deepEqual(error.details, { leaderAddress: "10.0.0.2:2377" });
      return true;
    });
    await assert.rejects(check(poolOf(worker), "boom"), (error: ClusterError) => {
      assert.equal(error.code, "INTERNAL");
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  it("cancels with the signal, and ends at the deadline", async () => {
    const abort = new AbortController();
    const call = poolOf(worker).unary(
      address,
      "Health",
      "Check",
      { service: "wait" },
      { signal: abort.signal },
    );
    setImmediate(() => abort.abort());
    await assert.rejects(call, (error) => isClusterError(error, "CANCELLED"));
    await assert.rejects(
      poolOf(worker).unary(address, "Health", "Check", { service: "wait" }, { timeoutMs: 60 }),
      (error) =>
        isClusterError(error, "DEADLINE_EXCEEDED") &&
        error.message === `${address}: no answer in time`,
    );
  });

  it("says when a request never left", async () => {
    const pool = poolOf(worker);
    const gone = pool.unary("127.0.0.1:1", "Health", "Check", {}, { timeoutMs: 3_000 });
    await assert.rejects(gone, (error: ClusterError) => {
      assert.equal(error.code, "UNAVAILABLE");
      assert.equal(error.details["sent"], "no");
      assert.equal(maySendAgain(error, false), true);
      return true;
    });
  });

  it("moves streams, and large messages", async () => {
    const pool = poolOf(manager);
    const refused = pool.upload<object, SnapshotAck>(address, "Raft", "SendSnapshot");
    await refused.write({ offset: 1 });
    await assert.rejects(refused.response, (error) => isClusterError(error, "DATA_LOSS"));
    await assert.rejects(
      async () => refused.write({}),
      (error) => isClusterError(error, "CANCELLED"),
    );
    const upload = pool.upload<object, SnapshotAck>(address, "Raft", "SendSnapshot");
    for (let i = 0; i < 3; i += 1) await upload.write({ data: Buffer.alloc(5 * 1024 * 1024) });
    upload.end();
    assert.equal((await upload.response).receivedBytes, 15 * 1024 * 1024);
  });

  it("ends a handler's stream when the caller goes away", async () => {
    const pool = poolOf(manager);
    const chunk = new Promise<void>((resolve) => {
      onChunk = resolve;
    });
    const upload = pool.upload<object, SnapshotAck>(address, "Raft", "SendSnapshot");
    await upload.write({});
    await chunk;
    upload.cancel();
    await streamEnded; // by error or by end of input, as the cancellation finds it
  });

  it("takes a renewed identity without dropping the listener or calls under way", async () => {
    const pool = poolOf(source);
    const before = new AbortController();
    const waiting = pool.unary(
      address,
      "Health",
      "Check",
      { service: "wait" },
      { signal: before.signal },
    );
    assert.equal((await check(pool)).status, "SERVING");
    source.set(ca.identity("manager2", "manager"));
    assert.equal((await check(pool)).status, "SERVING");
    assert.deepEqual(lastContext?.peer, { nodeId: "manager2", role: "manager" });
    before.abort();
    await assert.rejects(waiting, (error) => isClusterError(error, "CANCELLED"));
  });

  it("keeps streams of a former identity alive beyond the next keepalive", async function () {
    this.timeout(15_000);
    const pool = poolOf(source);
    const upload = pool.upload<object, SnapshotAck>(address, "Raft", "SendSnapshot");
    await upload.write({ data: Buffer.alloc(2) });
    source.set(ca.identity("manager3", "manager"));
    assert.equal((await check(pool)).status, "SERVING");
    // grpc-js has its own timers: real time is the only one that there is.
    await sleep(systemClock, 2_500);
    await upload.write({ data: Buffer.alloc(3) });
    upload.end();
    assert.equal((await upload.response).receivedBytes, 5, "the stream is as it was");
  });

  it("forwards to the leader, following the hint, and not twice when it is unsafe", async () => {
    const calls: string[] = [];
    const answers: (ClusterError | object)[] = [
      new ClusterError("NOT_LEADER", "no", { details: { leaderAddress: "b:1" } }),
      new ClusterError("UNAVAILABLE", "gone", { details: { sent: "no" } }),
      { nodes: [] },
      new ClusterError("UNAVAILABLE", "connection lost"),
      { nodes: [] },
      new ClusterError("UNAVAILABLE", "connection lost", { details: { sent: "unknown" } }),
    ];
    const api = createLeaderApi<UnaryApi<ControlClient>>(
      {
        service: "Control",
        local: () => undefined,
        leaderAddress: () => "a:1",
        isRead: (method) => method.startsWith("List"),
      },
      {
        channels: {
          async unary<_I, O>(to: string, _service: string, method: string): Promise<O> {
            calls.push(`${to} ${method}`);
            const answer = answers.shift();
            if (answer instanceof Error) throw answer;
            return answer as O;
          },
        },
        clock: { ...systemClock, setTimer: (_ms, fn) => systemClock.setTimer(0, fn) },
        random: systemRandom,
      },
    );
    await api.createService({});
    assert.deepEqual(calls, ["a:1 CreateService", "b:1 CreateService", "a:1 CreateService"]);
    await api.listNodes({});
    await assert.rejects(
      api.createService({}),
      /^ClusterError: whether this was done is not known, .*\(connection lost\); look before you repeat it$/,
    );
    assert.equal(calls.length, 6);
  });
});

describe("a call without a leader", () => {
  const cases: { name: string; leaderlessMs: number; wantMs: number }[] = [
    { name: "waits for an election", leaderlessMs: 0, wantMs: 3_000 },
    { name: "waits for what is left of it", leaderlessMs: 2_000, wantMs: 1_000 },
    { name: "fails at once when no election can be won", leaderlessMs: 3_000, wantMs: 0 },
  ];
  for (const { name, leaderlessMs, wantMs } of cases) {
    it(name, async () => {
      let nowMs = 0;
      const api = createLeaderApi<UnaryApi<ControlClient>>(
        {
          service: "Control",
          local: () => undefined,
          leaderAddress: () => undefined,
          leaderlessMs: () => leaderlessMs + nowMs,
          isRead: () => true,
          timeoutMs: 5_000,
        },
        {
          channels: { unary: () => assert.fail("there is nobody to call") },
          clock: {
            now: () => nowMs,
            monotonic: () => nowMs,
            setTimer(delayMs, fn) {
              nowMs += delayMs;
              queueMicrotask(fn);
              return { cancel: () => {} };
            },
          },
          random: systemRandom,
        },
      );
      await assert.rejects(api.listNodes({}), (error) => isClusterError(error, "UNAVAILABLE"));
      assert.ok(nowMs >= wantMs && nowMs <= wantMs + 500, `after ${nowMs} ms`);
    });
  }
});

class ChangeableIdentity implements IdentitySource {
  #identity: TlsIdentity;
  readonly #listeners = new Set<(identity: TlsIdentity) => void>();

  constructor(identity: TlsIdentity) {
    this.#identity = identity;
  }

  current(): TlsIdentity {
    return this.#identity;
  }

  onChange(listener: (identity: TlsIdentity) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(identity: TlsIdentity): void {
    this.#identity = identity;
    for (const listener of this.#listeners) listener(identity);
  }
}
