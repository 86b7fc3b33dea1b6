import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../../../src/base/assert.ts";
import { tryCommand } from "../../../src/base/command.ts";
import { TestDaemon } from "../../support/test-daemon.ts";
import { createHosts, type TestNetwork } from "../../support/test-hosts.ts";
import { buildTestImage } from "../../support/test-image.ts";
import { until } from "../../support/until.ts";
import { webImage } from "../../support/web-image.ts";

const project = `
version: "3.7"
services:
  db:
    image: skep-web:1
    environment: { VERSION: database }
    volumes: ["data:/data"]
    networks:
      back: { aliases: [sql] }
  web:
    image: skep-web:1
    environment: ["VERSION=\${RELEASE:-one}"]
    depends_on: [db]
    ports: ["8080:80"]
    networks:
      back: { ipv4_address: 10.9.8.10 }
      inner: {}
networks:
  back:
    ipam: { config: [{ subnet: 10.9.8.0/24 }] }
  inner: { internal: true }
volumes:
  data: {}
`;

describe("docker-compose drives one node", function () {
  this.timeout(180_000);
  let network: TestNetwork;
  let daemon: TestDaemon;
  let folder = "";

  before(async () => {
    network = await createHosts(2);
    daemon = new TestDaemon(must(network.hosts[0], "host"));
    await daemon.start();
    const image = join(daemon.host.stateDir, "image.tar");
    await writeFile(image, await buildTestImage(webImage("1")));
    assert.equal((await daemon.docker("load", "-i", image)).exitCode, 0);
    folder = join(daemon.host.stateDir, "shop");
    await mkdir(folder);
    await writeFile(join(folder, "docker-compose.yml"), project);
  });

  after(async () => {
    await daemon?.stop();
    await network?.destroy();
  });

  /** All it said; rejects when it fails. */
  async function compose(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { exitCode, stdout, stderr } = await tryCommand(
      "docker-compose",
      ["--ansi", "never", ...args],
      {
        cwd: folder,
        timeoutMs: 100_000,
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: daemon.host.stateDir,
          LANG: "C.UTF-8",
          PYTHONDONTWRITEBYTECODE: "1",
          DOCKER_HOST: `unix://${daemon.socket}`,
          ...env,
        },
      },
    );
    assert.equal(exitCode, 0, `docker-compose ${args.join(" ")}: ${stdout}\n${stderr}`);
    return `${stdout}${stderr}`;
  }

  /** What the published port answers, asked from another host. */
  async function ask(): Promise<string> {
    const asker = must(network.hosts[1], "asker");
    const url = `http://${daemon.host.ip}:8080/`;
    return (await asker.exec(["curl", "-s", "--max-time", "5", "--noproxy", "*", url])).trim();
  }

  const answers = (want: string) =>
    until(`the answer ${want}`, 10_000, async () => (await ask().catch(() => "")) === want);

  const states = async () =>
    (await daemon.docker("ps", "-a", "--format", "{{.Names}} {{.State}}")).stdout
      .trim()
      .split("\n")
      .sort((a, b) => a.localeCompare(b));

  it("brings a project up: networks, a volume, names, a port", async () => {
    await compose(["up", "-d"]);
    assert.deepEqual(await states(), ["shop_db_1 running", "shop_web_1 running"]);
    await answers("one");
    assert.match(await compose(["exec", "-T", "web", "nslookup", "sql"]), /Address: 10\.9\.8\.2\b/);
    const links = await compose(["exec", "-T", "web", "ip", "addr"]);
    assert.match(links, /inet 10\.9\.8\.10\/24 .* eth\d/);
    assert.match(await compose(["ps"]), /shop_web_1 .* Up .*0\.0\.0\.0:8080->80\/tcp/);
    assert.equal((await compose(["port", "web", "80"])).trim(), "0.0.0.0:8080");
    const logs = await compose(["logs", "--no-color"]);
    assert.match(logs, /web_1 +\| serving one/);
    assert.match(logs, /db_1 +\| serving database/);
  });

  it("changes nothing the second time", async () => {
    const ids = await compose(["ps", "-q"]);
    const said = await compose(["up", "-d"]);
    assert.match(said, /shop_db_1 is up-to-date/);
    assert.match(said, /shop_web_1 is up-to-date/);
    assert.equal(await compose(["ps", "-q"]), ids);
  });

  it("makes anew what has changed, and nothing else", async () => {
    const before = await compose(["ps", "-q", "db"]);
    const said = await compose(["up", "-d"], { RELEASE: "two" });
    assert.match(said, /Recreating shop_web_1/);
    assert.match(said, /shop_db_1 is up-to-date/);
    assert.equal(await compose(["ps", "-q", "db"]), before);
    await answers("two");
  });

  it("restarts, stops and starts, and keeps what is on the volume", async () => {
    const env = { RELEASE: "two" };
    await compose(["exec", "-T", "db", "sh", "-c", "echo kept > /data/file"]);
    await compose(["restart", "-t", "2"], env);
    await answers("two");
    await compose(["stop", "-t", "2"], env);
    assert.deepEqual(await states(), ["shop_db_1 exited", "shop_web_1 exited"]);
    assert.equal(await ask().catch(() => "refused"), "refused");
    assert.match(await compose(["up", "-d"], env), /Starting shop_web_1/);
    await answers("two");
    assert.equal(await compose(["exec", "-T", "db", "cat", "/data/file"]), "kept\n");
  });

  it("goes on when the daemon was killed", async () => {
    await daemon.stop("SIGKILL");
    assert.equal(await ask(), "two");
    await daemon.start();
    assert.deepEqual(await states(), ["shop_db_1 running", "shop_web_1 running"]);
    assert.equal(await ask(), "two");
    const said = await compose(["exec", "-T", "web", "nslookup", "db"]);
    assert.match(said, /Address: 10\.9\.8\.2\b/);
    assert.match(await compose(["up", "-d"], { RELEASE: "two" }), /shop_web_1 is up-to-date/);
  });

  it("goes on while the node comes into a swarm and leaves it", async () => {
    const init = await daemon.docker("swarm", "init", "--advertise-addr", daemon.host.ip);
    assert.equal(init.exitCode, 0, init.stderr);
    const overlay = await daemon.docker("network", "create", "-d", "overlay", "front");
    assert.equal(overlay.exitCode, 0, overlay.stderr);
    assert.equal(await ask(), "two");
    const run = await daemon.docker("run", "--rm", "--network", "front", "skep-web:1", "true");
    assert.match(run.stderr, /network front not manually attachable/);
    const leave = await daemon.docker("swarm", "leave", "--force");
    assert.equal(leave.exitCode, 0, leave.stderr);
    assert.equal(await ask(), "two");
    assert.deepEqual(await states(), ["shop_db_1 running", "shop_web_1 running"]);
  });

  it("scales a service under one name", async () => {
    await compose(["up", "-d", "--scale", "db=2", "db"]);
    const said = await compose(["exec", "-T", "web", "nslookup", "sql"]);
    const found = new Set([...said.matchAll(/Address: (10\.9\.8\.\d+)/g)].map(([, ip]) => ip));
    assert.equal(found.size, 2);
  });

  it("takes everything away", async () => {
    await compose(["down", "-v", "-t", "2"]);
    assert.deepEqual(await states(), [""]);
    const networks = await daemon.docker("network", "ls", "--format", "{{.Name}}");
    assert.deepEqual(networks.stdout.trim().split("\n"), ["bridge", "host", "none"]);
    assert.equal((await daemon.docker("volume", "ls", "-q")).stdout, "");
    const links = await daemon.host.exec(["ip", "-o", "link", "show", "type", "veth"]);
    assert.deepEqual(
      links
        .trim()
        .split("\n")
        .map((line) => line.split(/[:@ ]+/)[1]),
      ["eth0"],
    );
  });
});
