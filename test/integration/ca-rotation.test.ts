import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { must } from "../../src/base/assert.ts";
import type { NodeJson } from "../../src/rest/wire/node.ts";
import type { SwarmJson } from "../../src/rest/wire/swarm.ts";
import { opensslRoot } from "../support/openssl-root.ts";
import {
  failed,
  getJson,
  joinSwarm,
  nodeIdOf,
  nodesOf,
  pidsOf,
  skep,
  sorted,
  TestCluster,
} from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

describe("rotating the root on a real cluster", function () {
  this.timeout(90_000);
  let cluster: TestCluster;
  let worker: TestDaemon;
  let spare: TestDaemon;

  before(async () => {
    cluster = await TestCluster.create({
      managers: 3,
      workers: 1,
      spares: 1,
      images: [webImage("1")],
    });
    worker = must(cluster.workers[0], "a worker");
    spare = must(cluster.spares[0], "a spare");
    const create = "service create -d --name web --replicas 4 --no-healthcheck skep-web:1";
    await skep(cluster.first, ...create.split(" "));
    await cluster.converged("web", 4);
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  const certificates = (daemon: TestDaemon, name: string) =>
    readFileSync(join(daemon.host.stateDir, "d", "swarm", "certificates", name), "utf8");
  const trustOf = (daemon: TestDaemon) => certificates(daemon, "swarm-root-ca.crt");
  const swarmOf = (by: TestDaemon) => getJson<SwarmJson>(by, "/swarm");
  const tokenOf = async (by: TestDaemon) =>
    (await skep(by, "swarm", "join-token", "-q", "worker")).trim();
  const finished = (by: TestDaemon) =>
    until("the end of the rotation", 40_000, async () => {
      const swarm = await swarmOf(by).catch(() => undefined);
      return swarm?.RootRotationInProgress === false ? swarm : undefined;
    });

  it("shows the root that every node trusts", async () => {
    const root = await skep(worker, "swarm", "ca").then(
      () => "shown",
      () => "refused",
    );
    assert.equal(root, "refused", "a worker does not know the cluster");
    const shown = await skep(cluster.first, "swarm", "ca");
    for (const daemon of cluster.members) assert.equal(trustOf(daemon).trim(), shown.trim());
  });

  it("goes on through a node that is away, a change of leader and a join, and breaks nothing", async () => {
    const before = trustOf(cluster.first);
    const oldToken = await tokenOf(cluster.first);
    await worker.stop("SIGKILL");
    const id = await until("the worker down", 30_000, async () => {
      const nodes = await nodesOf(cluster.first);
      return nodes.find((node) => node.Status.State === "down")?.ID;
    });
    const pids = pidsOf(await cluster.containersOf("web", cluster.managers));
    const leader = await cluster.leader();
    await skep(leader, "swarm", "ca", "--rotate", "-d");
    assert.equal((await swarmOf(leader)).RootRotationInProgress, true);
    await leader.stop("SIGKILL");
    const other = must(
      cluster.managers.find((daemon) => daemon !== leader),
      "another manager",
    );
    await until("another leader", 20_000, async () => {
      const swarm = await swarmOf(other).catch(() => undefined);
      return swarm?.RootRotationInProgress;
    });
    await leader.start();
    await until("all but the absent have moved", 30_000, async () => {
      const swarm = await swarmOf(other);
      const nodes = await nodesOf(other);
      const moved = nodes.filter((node) => hasMoved(node, swarm));
      return moved.length === nodes.length - 1 && !moved.some((node) => node.ID === id);
    });
    assert.equal((await swarmOf(other)).RootRotationInProgress, true, "open for the one away");
    assert.equal(await tokenOf(other), oldToken);
    await joinSwarm(spare, "worker", other);
    await worker.start();
    const swarm = await finished(other);
    const after = must(swarm.TLSInfo.TrustRoot, "the new root");
    assert.notEqual(after.trim(), before.trim());
    for (const daemon of cluster.daemons) {
      await until("the new root alone", 10_000, async () => trustOf(daemon) === after);
    }
    assert.notEqual(await tokenOf(other), oldToken);
    const still = pidsOf(await cluster.containersOf("web", cluster.managers));
    for (const [task, pid] of pids) assert.equal(still.get(task), pid, "a task was disturbed");
    const nodes = await nodesOf(other);
    assert.equal(nodes.filter((node) => node.Status.State === "ready").length, 5);
    const reachable = nodes.filter((node) => node.ManagerStatus?.Reachability === "reachable");
    assert.equal(reachable.length, 3);
    const spareId = await nodeIdOf(spare);
    await skep(spare, "swarm", "leave");
    await skep(other, "node", "rm", "--force", spareId);
    const refused = failed(
      "join with the old token",
      await spare.skep("swarm", "join", "--token", oldToken, `${other.host.ip}:2377`),
    );
    assert.match(refused, /does not match fingerprint/);
    await joinSwarm(spare, "worker", other);
  });

  it("a second rotation, to a user's root, replaces the first", async () => {
    const { first } = cluster;
    const given = opensslRoot({ key: "p384", subject: "/O=Corp/CN=Corp Root" });
    const [certFile, keyFile] = [join(first.host.stateDir, "c"), join(first.host.stateDir, "k")];
    writeFileSync(certFile, given.certificatePem);
    writeFileSync(keyFile, given.privateKeyPem);
    await skep(first, "swarm", "ca", "--rotate", "-d");
    const files = ["--ca-cert", certFile, "--ca-key", keyFile];
    const shown = await skep(first, "swarm", "ca", "--rotate", ...files);
    assert.match(shown, /rotated TLS certificates: 5\/5 nodes/);
    assert.ok(shown.trimEnd().endsWith(given.certificatePem.trim()));
    for (const daemon of cluster.daemons) {
      await until("the user's root alone", 10_000, async () => {
        return trustOf(daemon).trim() === given.certificatePem.trim();
      });
    }
    const answer = await getJson<SwarmJson>(first, "/swarm");
    assert.ok(!JSON.stringify(answer).includes("PRIVATE KEY"), "the key is shown to nobody");
    await skep(first, "service", "scale", "web=5");
  });

  it("a joiner trusts the user's root, and a new certificate life counts at the next renewal", async () => {
    await skep(cluster.first, "swarm", "update", "--cert-expiry", "2h");
    await skep(spare, "swarm", "leave");
    await joinSwarm(spare, "worker", cluster.first);
    const pem = certificates(spare, "swarm-node.crt");
    const life = Date.parse(new X509Certificate(pem).validTo) - Date.now();
    assert.ok(life < 2 * 3_600_000 && life > 1.9 * 3_600_000, `lives ${life} ms`);
    assert.ok((await nodeIdOf(spare)).length > 0);
  });

  it("a node that was removed is refused by every manager in everything, and what it held is cut", async () => {
    const nodeId = await nodeIdOf(worker);
    const { ID: clusterId } = await swarmOf(cluster.first);
    const addresses = cluster.managers.map(({ host }) => `${host.ip}:2377`);
    const leader = await cluster.leader();
    const main = fileURLToPath(new URL("../support/call-everything-main.js", import.meta.url));
    const folder = join(worker.host.stateDir, "d", "swarm", "certificates");
    const child = worker.host.spawn(
      process.execPath,
      [main, folder, nodeId, clusterId, ...addresses],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const lines = createInterface({ input: must(child.stdout, "its output") });
    const said = lines[Symbol.asyncIterator]();
    assert.equal((await said.next()).value, "holding");
    await skep(cluster.first, "node", "rm", "--force", nodeId);
    must(child.stdin, "its input").write("now\n");
    const { held, answers } = JSON.parse(String((await said.next()).value)) as {
      held: Record<string, string>;
      answers: Record<string, Record<string, string>>;
    };
    const end = held[`${leader.host.ip}:2377`] ?? "";
    assert.match(end, /^ended$|^PERMISSION_DENIED .*was removed/, "what it held at the leader");
    assert.deepEqual(sorted(Object.keys(answers)), sorted(addresses));
    for (const [address, codes] of Object.entries(answers)) {
      assert.ok(Object.keys(codes).length > 40, "all methods were tried");
      const others = Object.entries(codes).filter(([, code]) => code !== "PERMISSION_DENIED");
      assert.deepEqual(others, [], address);
    }
    child.kill();
  });
});

function hasMoved({ Description }: NodeJson, { TLSInfo }: SwarmJson): boolean {
  return Description.TLSInfo.CertIssuerPublicKey === TLSInfo.CertIssuerPublicKey;
}
