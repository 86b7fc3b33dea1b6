import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "../../src/base/assert.ts";
import { TestCa } from "../support/test-certificates.ts";
import {
  failed,
  joinSwarm,
  nodeIdOf,
  nodesOf,
  skep,
  TestCluster,
} from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";

const port = 8888;

describe("an external CA of a real cluster", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let manager: TestDaemon;
  let worker: TestDaemon;
  let ca: TestCa;
  let rootFile: string;
  let signer: ChildProcess | undefined;
  let said = "";

  before(async () => {
    cluster = await TestCluster.create({ managers: 0, spares: 2 });
    manager = must(cluster.spares[0], "the first daemon");
    worker = must(cluster.spares[1], "the second daemon");
    ca = new TestCa("corporate");
    const folder = join(manager.host.stateDir, "ca");
    mkdirSync(folder, { recursive: true });
    rootFile = join(folder, "root.crt");
    const tls = ca.identity("external", "manager", "corporate", [manager.host.ip]);
    writeFileSync(rootFile, ca.rootPem);
    writeFileSync(join(folder, "root.key"), ca.rootKeyPem);
    writeFileSync(join(folder, "tls.crt"), tls.certificatePem);
    writeFileSync(join(folder, "tls.key"), tls.privateKeyPem);
  });

  after(async function () {
    this.timeout(30_000);
    signer?.kill();
    ca?.remove();
    await cluster?.destroy();
  });

  const spec = (more = ""): string =>
    `protocol=cfssl,url=https://${manager.host.ip}:${port}/api/v1/cfssl/sign${more}`;

  async function startSigner(): Promise<void> {
    const main = fileURLToPath(new URL("../support/external-ca-main.js", import.meta.url));
    const args = [main, join(manager.host.stateDir, "ca"), manager.host.ip, String(port)];
    said = "";
    signer = manager.host.spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    signer.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until("the signer", 10_000, async () => said.includes("listening"));
  }

  async function stopSigner(): Promise<void> {
    const ended = new Promise((resolve) => signer?.once("exit", resolve));
    signer?.kill();
    await ended;
  }

  const issuerOf = (daemon: TestDaemon): string => {
    const folder = join(daemon.host.stateDir, "d", "swarm", "certificates");
    return new X509Certificate(readFileSync(join(folder, "swarm-node.crt"))).issuer;
  };
  const inactive = async (daemon: TestDaemon): Promise<boolean> =>
    /Swarm: inactive/.test(await skep(daemon, "info"));

  it("begins with a root of its own when it is given alone, as Docker does", async () => {
    await skep(
      manager,
      "swarm",
      "init",
      "--advertise-addr",
      manager.host.ip,
      "--external-ca",
      spec(),
    );
    const shown = await skep(manager, "swarm", "ca");
    assert.notEqual(shown.trim(), ca.rootPem.trim());
    assert.match(await skep(manager, "node", "ls"), /Ready +Active +Leader/);
  });

  it("lets nobody join while that CA cannot be asked, and says which", async () => {
    const token = (await skep(manager, "swarm", "join-token", "-q", "worker")).trim();
    const said = failed(
      "join",
      await worker.skep("swarm", "join", "--token", token, `${manager.host.ip}:2377`),
    );
    assert.match(said, /external CA https:\/\/.*:8888|Timeout was reached before node joined/);
    await worker.skep("swarm", "leave", "--force");
    await until("the worker out again", 15_000, async () => await inactive(worker));
  });

  it("hands the signing over to it with a rotation to its root", async () => {
    await startSigner();
    const external = ["--external-ca", spec(`,cacert=${rootFile}`)];
    const output = await skep(
      ...([manager, "swarm", "ca", "--rotate", "--ca-cert", rootFile] as const),
      ...external,
    );
    assert.match(output, /rotated TLS certificates: 1\/1 nodes/);
    assert.ok(output.trimEnd().endsWith(ca.rootPem.trim()));
    assert.match(said, new RegExp(`signed swarm-manager ${await nodeIdOf(manager)}`));
    assert.equal(issuerOf(manager), new X509Certificate(ca.rootPem).subject);
  });

  it("signs for who joins then", async () => {
    await joinSwarm(worker, "worker", manager);
    assert.match(said, new RegExp(`signed swarm-worker ${await nodeIdOf(worker)}`));
    assert.equal(issuerOf(worker), new X509Certificate(ca.rootPem).subject);
    await until("both ready", 20_000, async () => {
      const nodes = await nodesOf(manager);
      return nodes.filter(({ Status }) => Status.State === "ready").length === 2;
    });
  });

  it("can be away without harm to those who are in", async () => {
    await stopSigner();
    await worker.stop();
    await worker.start();
    await until("the worker back", 30_000, async () => {
      const nodes = await nodesOf(manager);
      return nodes.filter(({ Status }) => Status.State === "ready").length === 2;
    });
  });
});
