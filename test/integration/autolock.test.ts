import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { tryCommand } from "../../src/base/command.ts";
import {
  docker,
  failed,
  getJson,
  httpGet,
  joinSwarm,
  nodeIdOf,
  nodesOf,
  pidsOf,
  skep,
  TestCluster,
} from "../support/test-cluster.ts";
import { binaries, type TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

const keyForm = /SWMKEY-1-[A-Za-z0-9+/]{43}/;
const lockedText =
  'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.';
const secret = "wholly-unusual-secret-value";
/** The stock CLI where it is there, so that its texts and calls are those that are tested. */
const hasDocker = spawnSync("docker", ["--version"]).status === 0;
const cli = hasDocker ? docker : skep;

describe(`autolock${hasDocker ? "" : " (without the stock docker CLI: there is none here)"}`, function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  let second: TestDaemon;
  let third: TestDaemon;
  let key = "";

  before(async () => {
    cluster = await TestCluster.create({ managers: 3, spares: 1, images: [webImage("1")] });
    second = must(cluster.managers[1], "the second manager");
    third = must(cluster.managers[2], "the third manager");
    await cluster.first.host.exec(["sh", "-c", `echo -n ${secret} > ${secretPath()}`]);
    await skep(cluster.first, "secret", "create", "top", secretPath());
    await skep(cluster.first, "network", "create", "-d", "overlay", "back");
    const create = "service create -d --name web --mode global --network back -p 8080:80";
    await skep(cluster.first, ...create.split(" "), "--secret", "top", "skep-web:1");
    await cluster.converged("web", 3);
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  it("keeps secrets and the CA's key off the disk in the clear, with and without", () => {
    for (const daemon of cluster.managers) {
      const text = everyFile(join(daemon.host.stateDir, "d", "swarm", "raft"));
      assert.ok(text.length > 1_000);
      assert.ok(!text.includes(secret));
      assert.ok(!text.includes("PRIVATE KEY"));
    }
  });

  it("gives the key when it is turned on, and locks every manager's files", async () => {
    const output = await cli(cluster.first, "swarm", "update", "--autolock=true");
    key = must(keyForm.exec(output)?.[0], "the unlock key in the output");
    for (const daemon of cluster.managers) {
      assert.equal((await cli(daemon, "swarm", "unlock-key", "-q")).trim(), key);
      await untilLocked(daemon);
    }
  });

  it("comes back locked: tells so in Docker's words, and its containers run on and answer", async () => {
    const before = pidsOf(await cluster.containersOf("web", [second]));
    await restart(second);
    assert.equal((await infoOf(second)).LocalNodeState, "locked");
    assert.equal((await infoOf(second)).ControlAvailable, false);
    const calls = [
      { method: "GET", path: "/nodes", status: 503, want: lockedText },
      { method: "GET", path: "/swarm/unlockkey", status: 503, want: lockedText },
      { method: "POST", path: "/services/create", status: 503, want: lockedText },
      { method: "POST", path: "/swarm/init", status: 503, want: /already part of a swarm/ },
      { method: "POST", path: "/swarm/leave", status: 503, want: /encrypted and locked/ },
    ];
    for (const { method, path, status, want } of calls) {
      const answer = await second.api(method, path, method === "POST" ? {} : undefined);
      const { message } = answer.body as { message: string };
      assert.equal(answer.status, status, `${method} ${path}: ${message}`);
      if (typeof want === "string") assert.equal(message, want);
      else assert.match(message, want);
    }
    assert.match(failed("node ls", await runCli(second, "node", "ls")), /needs to be unlocked/);
    const { id, pid } = must((await cluster.containersOf("web", [second]))[0], "its container");
    assert.equal(before.size, 1);
    assert.deepEqual([...before.values()], [pid]);
    assert.equal(await httpGet(second.host, `http://${second.host.ip}:8080/`), "1\n");
    assert.equal(await httpGet(pid, "http://127.0.0.1/"), "1\n");
    const asked = await second.skep("exec", id, "nslookup", "tasks.web");
    assert.equal(asked.exitCode, 0, asked.stdout + asked.stderr);
  });

  it("refuses wrong keys, takes the one it was locked with, and catches up with a newer", async () => {
    const output = await cli(cluster.first, "swarm", "unlock-key", "--rotate");
    const newer = must(keyForm.exec(output)?.[0], "the new key");
    assert.notEqual(newer, key);
    assert.match(failed("unlock", await unlock(second, "SWMKEY-2-x")), /invalid key string/);
    const refused = failed("unlock", await unlock(second, newer));
    assert.match(refused, /swarm could not be unlocked: invalid key provided/);
    assert.equal((await second.api("POST", "/swarm/unlock", { UnlockKey: newer })).status, 401);
    await unlocked(second, key);
    assert.match(failed("unlock", await unlock(second, key)), /swarm is not locked/);
    assert.equal((await second.api("POST", "/swarm/unlock", { UnlockKey: key })).status, 409);
    key = newer;
    await until("the newer key is taken over", 10_000, async () => {
      return (await cli(second, "swarm", "unlock-key", "-q")).trim() === newer;
    });
    await untilReady();
    await restart(second);
    await unlocked(second, newer);
    await untilReady();
  });

  it("is down while it stays locked: its tasks run elsewhere, and once only after it is unlocked", async () => {
    await skep(
      cluster.first,
      ..."service create -d --name moved --replicas 3 skep-web:1".split(" "),
    );
    await cluster.converged("moved", 3);
    const id = await nodeIdOf(second);
    const before = await cluster.containersOf("moved", [second]);
    assert.equal(before.length, 1);
    await restart(second);
    await until("the locked node is down", 40_000, async () => {
      const node = (await nodesOf(cluster.first)).find(({ ID }) => ID === id);
      return node?.Status.State === "down";
    });
    const tasks = await cluster.converged("moved", 3);
    const wanted = tasks.filter(({ DesiredState }) => DesiredState === "running");
    assert.ok(wanted.every(({ NodeID }) => NodeID !== id));
    // Nobody can tell it to stop: it runs on, and answers.
    assert.deepEqual(pidsOf(await cluster.containersOf("moved", [second])), pidsOf(before));
    await unlocked(second, key);
    await until("the double is gone", 30_000, async () => {
      return (await cluster.containersOf("moved", [second])).length === 0;
    });
    assert.equal((await cluster.containersOf("moved")).length, 3);
    await skep(cluster.first, "service", "rm", "moved");
    await untilReady();
    await cluster.converged("web", 3);
  });

  it("loses nothing when all managers restart and are unlocked one after another", async () => {
    const before = pidsOf(await cluster.containersOf("web"));
    await Promise.all(cluster.managers.map((daemon) => daemon.stop("SIGKILL")));
    await Promise.all(cluster.managers.map((daemon) => daemon.start()));
    for (const daemon of cluster.managers) {
      assert.equal((await infoOf(daemon)).LocalNodeState, "locked");
      await unlocked(daemon, key);
    }
    await untilReady();
    await cluster.converged("web", 3);
    assert.deepEqual(pidsOf(await cluster.containersOf("web")), before);
  });

  it("locks a manager that joins later, and opens the files of one that becomes a worker", async () => {
    const spare = must(cluster.spares[0], "a spare node");
    await joinSwarm(spare, "manager", cluster.first);
    await untilLocked(spare);
    await until("the new manager is reachable", 20_000, async () => (await reachable()) === 4);
    const id = await nodeIdOf(spare);
    await skep(cluster.first, "node", "demote", id);
    await until("its files are open", 20_000, () => !isLocked(spare));
    await spare.stop();
    await spare.start();
    assert.equal((await infoOf(spare)).LocalNodeState, "active");
  });

  it("opens everything when it is turned off, for root only", async () => {
    const output = await cli(cluster.first, "swarm", "update", "--autolock=false");
    assert.doesNotMatch(output, keyForm);
    for (const daemon of cluster.managers) {
      await until(`${daemon.host.name} is open`, 10_000, () => !isLocked(daemon));
      for (const name of ["swarm-node.key", "swarm-data-keys.json"]) {
        assert.equal(statSync(certificate(daemon, name)).mode & 0o777, 0o600);
      }
    }
    assert.match(
      failed("unlock-key", await runCli(third, "swarm", "unlock-key")),
      /no unlock key is set/,
    );
    await restart(third);
    await untilReady();
    assert.equal((await infoOf(third)).LocalNodeState, "active");
  });

  it("may be on from the first moment, and left by force while locked", async () => {
    const alone = must(cluster.spares[0], "a spare node");
    await skep(alone, "swarm", "leave", "--force");
    const output = await cli(
      alone,
      ...["swarm", "init", "--autolock", "--advertise-addr", alone.host.ip],
    );
    const ownKey = must(keyForm.exec(output)?.[0], "the unlock key in the output");
    await untilLocked(alone);
    await restart(alone);
    await unlocked(alone, ownKey);
    await restart(alone);
    assert.match(failed("leave", await runCli(alone, "swarm", "leave")), /encrypted and locked/);
    await cli(alone, "swarm", "leave", "--force");
    assert.equal((await infoOf(alone)).LocalNodeState, "inactive");
  });

  function secretPath(): string {
    return join(cluster.first.host.stateDir, "secret.txt");
  }

  async function reachable(): Promise<number> {
    const nodes = await nodesOf(cluster.first).catch(() => []);
    return nodes.filter(({ ManagerStatus }) => ManagerStatus?.Reachability === "reachable").length;
  }

  async function untilReady(): Promise<void> {
    await until("all managers take part", 30_000, async () => (await reachable()) === 3);
  }
});

async function restart(daemon: TestDaemon): Promise<void> {
  await daemon.stop("SIGKILL");
  await daemon.start();
}

async function infoOf(
  daemon: TestDaemon,
): Promise<{ LocalNodeState: string; ControlAvailable: boolean }> {
  const info = await getJson<{ Swarm: { LocalNodeState: string; ControlAvailable: boolean } }>(
    daemon,
    "/info",
  );
  return info.Swarm;
}

function runCli(daemon: TestDaemon, ...args: string[]) {
  return hasDocker ? daemon.docker(...args) : daemon.skep(...args);
}

/** By the CLI, with the key from a pipe. */
async function unlock(daemon: TestDaemon, key: string) {
  const [file, ...first] = hasDocker ? ["docker"] : [process.execPath, binaries.skep];
  return await tryCommand(
    must(file, "a CLI"),
    [...first, "-H", `unix://${daemon.socket}`, "swarm", "unlock"],
    { input: `${key}\n`, timeoutMs: 60_000 },
  );
}

async function unlocked(daemon: TestDaemon, key: string): Promise<void> {
  const { exitCode, stdout, stderr } = await unlock(daemon, key);
  assert.equal(exitCode, 0, stdout + stderr);
  assert.equal((await infoOf(daemon)).LocalNodeState, "active");
}

function certificate(daemon: TestDaemon, name: string): string {
  return join(daemon.host.stateDir, "d", "swarm", "certificates", name);
}

function isLocked(daemon: TestDaemon): boolean {
  const key = readFileSync(certificate(daemon, "swarm-node.key"), "utf8");
  return key.includes("ENCRYPTED");
}

async function untilLocked(daemon: TestDaemon): Promise<void> {
  await until(`the files of ${daemon.host.name} are locked`, 10_000, () => {
    const keys = readFileSync(certificate(daemon, "swarm-data-keys.json"), "utf8");
    return isLocked(daemon) && keys.includes('"locked"');
  });
}

function everyFile(folder: string): string {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "latin1"))
    .join("\n");
}
