import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { tryCommand } from "../../src/base/command.ts";
import { silentLogger } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { RestApp } from "../../src/rest/app.ts";
import { RestServer } from "../../src/rest/server.ts";
import { FakeBackend } from "../support/fake-backend.ts";

const hasDocker = spawnSync("docker", ["--version"]).status === 0;
const title = hasDocker ? "" : " (skipped: no docker binary on this machine)";

describe(`the stock docker CLI speaks to rest${title}`, function () {
  this.timeout(60_000);
  let folder: string;
  let socket: string;
  let server: RestServer;
  let backend: FakeBackend;

  before(async function () {
    if (!hasDocker) this.skip();
    folder = mkdtempSync(join(tmpdir(), "skep-rest-"));
    socket = join(folder, "s.sock");
    const deps = { clock: systemClock, random: systemRandom, log: silentLogger };
    backend = new FakeBackend(deps);
    server = new RestServer({ app: new RestApp({ backend, ...deps }), ...deps });
    await server.listen({ kind: "unix", path: socket });
  });

  after(async () => {
    if (!hasDocker) return;
    await server.stop(500);
    rmSync(folder, { recursive: true, force: true });
  });

  async function run(args: string[], input?: string) {
    const result = await tryCommand("docker", ["-H", `unix://${socket}`, ...args], {
      timeoutMs: 20_000,
      env: { PATH: process.env["PATH"] ?? "", DOCKER_CONFIG: join(folder, "docker") },
      ...(input === undefined ? {} : { input }),
    });
    return { ...result, output: result.stdout + result.stderr };
  }

  async function ok(args: string[], want: RegExp, input?: string): Promise<void> {
    const { exitCode, output } = await run(args, input);
    assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${output}`);
    assert.match(output, want);
  }

  it("shows the node", async () => {
    await ok(["version"], /Server: Skep[\s\S]*API version: +1\.50/);
    await ok(["info"], /Swarm: active[\s\S]*Managers: 1/);
    await ok(["node", "ls"], /host1 +Ready +Active +Leader/);
    await ok(["node", "inspect", "self", "--pretty"], /Raft Status:\s+Reachable/);
    await ok(["network", "ls"], /bridge +bridge +local/);
    await ok(["ps"], /busybox:latest +"sleep 1000" .*0\.0\.0\.0:8080->80\/tcp/);
    await ok(["stats", "--no-stream", "web.1.abc"], /2MiB \/ 1GiB/);
    await ok(["system", "df"], /Images +1/);
  });

  it("works with services", async () => {
    const create = ["service", "create", "--detach", "--name", "web", "--replicas", "2"];
    await ok([...create, "--publish", "8080:80", "busybox", "sleep", "9"], /^[a-z0-9]{25}$/m);
    await ok(["service", "ls"], /web +replicated +2\/2 +busybox:latest/);
    await ok(["service", "ps", "web"], /web\.1 +busybox:latest +host1 +Running/);
    await ok(["service", "inspect", "--pretty", "web"], /Parallelism:\s+1/);
    await ok(["service", "scale", "-d", "web=3"], /scaled to 3/);
    await ok(["service", "rollback", "-d", "web"], /web/);
    await ok(["service", "update", "-d", "--force", "web"], /web/);
    await ok(["service", "logs", "web"], /web\.1\.\w+@host1 +\| hello from 1/);
    const again = await run([...create, "busybox"]);
    assert.match(again.output, /AlreadyExists desc = name conflicts/);
    await ok(["service", "rm", "web"], /web/);
    assert.match((await run(["service", "ps", "web"])).output, /no such service: web/);
  });

  it("deploys and removes a stack", async () => {
    const file = join(folder, "stack.yml");
    writeFileSync(join(folder, "token"), "t");
    writeFileSync(
      file,
      `version: "3.8"
services:
  api:
    image: busybox
    networks: [back]
    secrets: [token]
    configs: [token]
    ports: ["9090:80"]
    deploy: {replicas: 2, update_config: {order: start-first}}
networks: {back: {}}
secrets: {token: {file: ./token}}
configs: {token: {file: ./token}}
`,
    );
    const deploy = ["stack", "deploy", "--resolve-image", "never", "-c", file, "st"];
    await ok(deploy, /Creating service st_api/);
    await ok(deploy, /Updating service st_api/);
    await ok(["stack", "ps", "st"], /st_api\.2/);
    await ok(["stack", "rm", "st"], /Removing network st_back/);
    assert.equal(backend.cluster.secrets.size + backend.cluster.networks.size, 0);
  });

  it("keeps secrets and configs, and shows join tokens", async () => {
    await ok(["secret", "create", "sec", "-"], /^\w{25}$/m, "hush");
    await ok(["config", "create", "cfg", "-"], /^\w{25}$/m, "open");
    await ok(["config", "inspect", "--pretty", "cfg"], /open/);
    await ok(["swarm", "join-token", "worker"], /SWMTKN-1-digest-worker 10\.77\.0\.1:2377/);
    await ok(["network", "create", "-d", "overlay", "net1"], /^\w{25}$/m);
  });

  it("moves images", async () => {
    await ok(["image", "ls"], /busybox +latest +b{12}/);
    await ok(["load"], /Loaded image: busybox:latest/, "tar");
    await ok(["pull", "fresh:1"], /Downloaded newer image for (docker\.io\/library\/)?fresh:1/);
    const missing = await run(["pull", "missing"]);
    assert.equal(missing.exitCode, 1);
    assert.match(missing.output, /manifest for .*missing:latest not found/);
  });

  it("runs commands with input, reads logs and events", async () => {
    const exec = await run(["exec", "-i", "web.1.abc", "cat"], "some input\n");
    assert.equal(exec.exitCode, 3);
    assert.equal(exec.stdout, "ran cat\nsome input\n");
    assert.equal(exec.stderr, "to stderr\n");
    const logs = await run(["logs", "web.1.abc"]);
    assert.deepEqual([logs.stdout, logs.stderr], ["hello\n", "oops\n"]);
    await ok(["events", "--since", "10m", "--until", "0s"], /^$/);
  });

  it("replaces a stale socket, refuses one in use, and stops with streams open", async () => {
    const deps = { clock: systemClock, random: systemRandom, log: silentLogger };
    const other = new RestServer({ app: new RestApp({ backend, ...deps }), ...deps });
    await assert.rejects(other.listen({ kind: "unix", path: socket }), /in use by a running/);
    const port = await other.listen({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const streaming = httpRequest({ host: "127.0.0.1", port, path: "/events" });
    const ended = new Promise<void>((resolve) => {
      streaming.on("response", (response) => {
        response.resume().on("close", () => resolve());
        void other.stop(2000);
      });
      streaming.on("error", () => resolve());
    });
    streaming.end();
    await ended;
  });

  it("refuses an upgrade with a plain answer", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const client = connect(socket);
      let text = "";
      client.on("data", (chunk) => {
        text += chunk.toString();
      });
      client.on("end", () => resolve(text)).on("error", reject);
      client.write(
        "POST /exec/nope/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" +
          "Content-Length: 2\r\n\r\n{}",
      );
    });
    assert.match(answer, /^HTTP\/1\.1 404 /);
    assert.match(answer, /No such exec instance: nope/);
  });
});
