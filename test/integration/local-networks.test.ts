import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { tryCommand } from "../../src/base/command.ts";
import { createNetworkNamespace } from "../../src/base/linux.ts";
import { hostNames } from "../../src/overlay/names.ts";
import type {
  EndpointRequest,
  PortRequest,
} from "../../src/worker/containers/local-network-port.ts";
import { LocalNetworkHost } from "../support/local-network-host.ts";
import { createHosts, type TestHost, type TestNetwork } from "../support/test-hosts.ts";
import { until } from "../support/until.ts";

const names = hostNames("t");
const request = {
  ...{ subnet: "", gateway: "", ipRange: "", reserved: {}, internal: false, attachable: false },
  ...{ options: {}, labels: {} },
};

describe("local networks", function () {
  this.timeout(30_000);
  let network: TestNetwork;
  let host: TestHost;
  let outside: TestHost;
  let node: LocalNetworkHost;
  let folder = "";
  const paths = new Map<string, string>();
  const children: ChildProcess[] = [];

  before(async () => {
    network = await createHosts(2);
    [host, outside] = [must(network.hosts[0], "host"), must(network.hosts[1], "host")];
    folder = await mkdtemp(join(tmpdir(), "skep-local-"));
    await startNode();
    await serve(`/run/netns/${outside.name}`, "outside", 7000);
  });

  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await node?.keepOnly([]).catch(() => {});
    await node?.kill();
    await network?.destroy();
    await rm(folder, { recursive: true, force: true });
  });

  async function startNode(): Promise<void> {
    node = new LocalNetworkHost(host);
    await node.start({
      execRoot: join(folder, "run"),
      dataFolder: join(folder, "data"),
      nameServers: ["10.77.0.2"],
      pools: [],
      published: ["tcp/9999"],
    });
  }

  const idOf = (name: string) => name.padEnd(64, "0");

  async function open(
    name: string,
    endpoints: readonly EndpointRequest[],
    ports: readonly PortRequest[] = [],
  ) {
    const sandbox = await node.call("open", {
      ...{ id: idOf(name), name, hostname: name, endpoints, ports },
      ...{ dns: [], dnsSearch: [], dnsOptions: [], extraHosts: [] },
    });
    paths.set(name, sandbox.netnsPath);
    return sandbox;
  }

  const localNetwork = async (name: string) =>
    must(
      (await node.call("list")).find((one) => one.name === name),
      name,
    );

  /** Answers each connection with `name` and the asker's address. */
  async function serve(path: string, name: string, port: number): Promise<void> {
    const program = `require("net").createServer((s) => s.on("error", () => {}).end("${name} " + s.remoteAddress.replace("::ffff:", ""))).listen(${port}, () => console.log("ready"));`;
    const child = spawn("nsenter", [`--net=${path}`, process.execPath, "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    await new Promise((resolve) => child.stdout.once("data", resolve));
  }

  /** What the server says; "" after two seconds without an answer. */
  async function ask(path: string, address: string, port: number): Promise<string> {
    const args = [`--net=${path}`, "busybox", "nc", "-w", "2", address, String(port)];
    return (await tryCommand("nsenter", args)).stdout;
  }

  async function lookUp(name: string, asked: string): Promise<string[]> {
    const args = [`--net=${pathOf(name)}`, "busybox", "nslookup", asked, "127.0.0.11"];
    const { stdout } = await tryCommand("nsenter", args);
    const answer = stdout.split("\n\n").slice(1).join("\n");
    const hits = answer.matchAll(/(?:Address(?: \d+)?: |name = )(\S+)/g);
    return [...hits].map(([, hit]) => hit ?? "");
  }

  const pathOf = (name: string) => must(paths.get(name), name);
  const hostPath = () => `/run/netns/${host.name}`;
  const links = async () =>
    (JSON.parse(await host.exec(["ip", "-j", "link", "show"])) as { ifname: string }[])
      .map(({ ifname }) => ifname)
      .filter(
        (name) =>
          name.startsWith(names.localBridgePrefix) || name.startsWith(names.localPortPrefix),
      );
  const addressIn = (sandbox: { endpoints: readonly { ip: string }[] }) =>
    must(sandbox.endpoints[0], "endpoint").ip;

  it("gives containers of the default network a way out and to each other, but no names", async () => {
    const a = await open("a", [{ network: "bridge", aliases: [] }]);
    const b = await open("b", [{ network: "bridge", aliases: [] }]);
    assert.equal(a.resolvConf, "nameserver 10.77.0.2\n");
    assert.match(a.hosts, /^172\.17\.0\.2\ta$/m);
    assert.deepEqual(a.endpoints[0]?.gateway, "172.17.0.1");
    await serve(b.netnsPath, "b", 80);
    assert.equal(await ask(a.netnsPath, outside.ip, 7000), `outside ${host.ip}`);
    assert.equal(await ask(a.netnsPath, addressIn(b), 80), `b ${addressIn(a)}`);
    assert.deepEqual(await lookUp("a", "b"), []);
  });

  it("gives containers of a network of one's own names", async () => {
    await node.call("create", { ...request, name: "app" });
    const web = await open("web", [{ network: "app", aliases: ["www"] }]);
    const db = await open("db", [{ network: "app", aliases: [] }]);
    assert.equal(web.resolvConf, "nameserver 127.0.0.11\noptions ndots:0\n");
    await serve(db.netnsPath, "db", 80);
    for (const name of ["db", "DB.app", idOf("db").slice(0, 12)]) {
      assert.deepEqual(await lookUp("web", name), [addressIn(db)], name);
    }
    assert.deepEqual(await lookUp("db", "www"), [addressIn(web)]);
    assert.deepEqual(await lookUp("db", addressIn(web)), ["web.app"]);
    assert.equal(await ask(web.netnsPath, addressIn(db), 80), `db ${addressIn(web)}`);
    assert.equal(await ask(web.netnsPath, outside.ip, 7000), `outside ${host.ip}`);
    await node.call("renamed", idOf("db"), "sql");
    assert.deepEqual(await lookUp("web", "sql"), [addressIn(db)]);
    assert.deepEqual(await lookUp("web", "db"), []);
  });

  it("keeps networks apart", async () => {
    const db = await node.call("inspect", idOf("db"));
    assert.equal(await ask(pathOf("a"), db[0]?.ip ?? "", 80), "");
    assert.deepEqual(await lookUp("a", "sql"), []);
    await node.call("create", { ...request, name: "closed", internal: true });
    const inside = await open("inside", [{ network: "closed", aliases: [] }]);
    assert.equal(await ask(inside.netnsPath, outside.ip, 7000), "");
    assert.equal(await ask(inside.netnsPath, db[0]?.ip ?? "", 80), "");
    const near = await open("near", [{ network: "closed", aliases: [] }]);
    await serve(near.netnsPath, "near", 80);
    assert.equal(await ask(inside.netnsPath, addressIn(near), 80), `near ${addressIn(inside)}`);
  });

  it("publishes ports to other hosts, the node itself and containers of other networks", async () => {
    const open80: PortRequest = { containerPort: 80, protocol: "tcp", hostPort: 8080 };
    const own: PortRequest = { ...open80, hostIp: "127.0.0.1", hostPort: 8081 };
    const chosen: PortRequest = { containerPort: 80, protocol: "tcp" };
    const shop = await open("shop", [{ network: "app", aliases: [] }], [open80, own, chosen]);
    await serve(shop.netnsPath, "shop", 80);
    const outsidePath = `/run/netns/${outside.name}`;
    assert.equal(await ask(outsidePath, host.ip, 8080), `shop ${outside.ip}`);
    assert.match(await ask(hostPath(), "127.0.0.1", 8080), /^shop /);
    assert.match(await ask(hostPath(), host.ip, 8080), /^shop /);
    assert.match(await ask(pathOf("a"), host.ip, 8080), /^shop /);
    assert.match(await ask(pathOf("web"), host.ip, 8080), /^shop /);
    assert.match(await ask(shop.netnsPath, host.ip, 8080), /^shop /);
    assert.match(await ask(hostPath(), "127.0.0.1", 8081), /^shop /);
    assert.equal(await ask(hostPath(), host.ip, 8081), "");
    assert.equal(await ask(outsidePath, host.ip, 8081), "");
    assert.deepEqual(
      shop.ports.map(({ hostIp, hostPort }) => `${hostIp}:${hostPort}`),
      ["0.0.0.0:8080", "127.0.0.1:8081", "0.0.0.0:32768"],
    );
  });

  it("refuses a port or an address that is taken", async () => {
    const endpoints = [{ network: "app", aliases: [] }];
    const port: PortRequest = { containerPort: 80, protocol: "tcp", hostPort: 8080 };
    await assert.rejects(
      open("late", endpoints, [port]),
      /^Error: driver failed programming external connectivity on endpoint late \(\w{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated$/,
    );
    await assert.rejects(
      open("late", endpoints, [{ ...port, hostPort: 9999 }]),
      /already allocated/,
    );
    await serve(hostPath(), "other", 8090);
    await assert.rejects(
      open("late", endpoints, [{ ...port, hostPort: 8090 }]),
      /failed to bind host port for 0\.0\.0\.0:8090\/tcp: address already in use/,
    );
    const db = await node.call("inspect", idOf("db"));
    const fixed = { network: "app", aliases: [], ip: db[0]?.ip ?? "" };
    await assert.rejects(open("late", [fixed]), /Address already in use/);
    const named = { network: "bridge", aliases: ["x"] };
    await assert.rejects(open("late", [named]), /alias is supported only for containers in user/);
    const numbered = { network: "bridge", aliases: [], ip: "172.17.0.9" };
    await assert.rejects(open("late", [numbered]), /IP address is supported on user defined/);
    await assert.rejects(open("late", [{ network: "none", aliases: [] }]), /private \(none\) mode/);
    assert.deepEqual(await node.call("find", "front"), {
      id: "swarmnet",
      name: "front",
      driver: "overlay",
    });
    await assert.rejects(node.call("find", "nothing"), /network nothing not found/);
    const app = await localNetwork("app");
    await assert.rejects(
      node.call("remove", app.id),
      /network app has active endpoints \(name:"web"/,
    );
  });

  it("lets a running container join and leave", async () => {
    const app = await localNetwork("app");
    const made = await node.call("connect", idOf("a"), { network: "app", aliases: ["first"] });
    assert.equal(made.network, "app");
    assert.deepEqual(await lookUp("web", "first"), [made.ip]);
    assert.deepEqual(await lookUp("a", "www"), [(await node.call("inspect", idOf("web")))[0]?.ip]);
    await assert.rejects(
      node.call("connect", idOf("a"), { network: "app", aliases: [] }),
      /endpoint with name a already exists in network app/,
    );
    await node.call("disconnect", idOf("a"), app.id);
    assert.deepEqual(await lookUp("web", "first"), []);
    assert.equal(await ask(pathOf("a"), outside.ip, 7000), `outside ${host.ip}`);
    await assert.rejects(node.call("disconnect", idOf("a"), app.id), /is not connected/);
  });

  it("goes on after a kill -9, and takes away what nobody knows", async () => {
    const before = await node.call("inspect", idOf("shop"));
    await node.kill();
    const outsidePath = `/run/netns/${outside.name}`;
    assert.equal(await ask(outsidePath, host.ip, 8080), `shop ${outside.ip}`);
    await host.exec(["ip", "link", "add", `${names.localPortPrefix}stray`, "type", "bridge"]);
    const stray = join(folder, "run/netns-local/stray");
    createNetworkNamespace(stray);
    await startNode();
    assert.deepEqual(await node.call("inspect", idOf("shop")), before);
    assert.equal((await links()).includes(`${names.localPortPrefix}stray`), false);
    assert.equal((await readdir(join(folder, "run/netns-local"))).includes("stray"), false);
    const again = await open("shop", [{ network: "app", aliases: [] }]);
    assert.equal(again.ports.length, 3);
    await open("web", [{ network: "app", aliases: ["www"] }]);
    assert.deepEqual(await lookUp("web", "shop"), [addressIn(again)]);
    assert.equal(await ask(outsidePath, host.ip, 8080), `shop ${outside.ip}`);
  });

  it("makes again what somebody has taken away", async () => {
    const app = await localNetwork("app");
    await host.exec(["ip", "link", "del", app.bridge]);
    await host.exec(["nft", "delete", "table", "ip", names.localTable]);
    await node.repair();
    assert.equal(await ask(`/run/netns/${outside.name}`, host.ip, 8080), `shop ${outside.ip}`);
    const ports = await host.exec(["ip", "-o", "link", "show", "master", app.bridge]);
    const first = must(/\d+: ([^@:]+)/.exec(ports)?.[1], "a port");
    await host.exec(["ip", "link", "del", first]);
    await node.repair();
    for (const name of ["web", "shop"]) {
      await until(`${name} is linked again`, 10_000, async () =>
        (await ask(pathOf(name), outside.ip, 7000)).startsWith("outside"),
      );
    }
    assert.match(await ask(pathOf("web"), host.ip, 8080), /^shop/);
  });

  it("publishes UDP ports, also for an asker that goes on from its own port", async () => {
    const endpoints = [{ network: "app", aliases: [] }];
    const port: PortRequest = { containerPort: 5300, protocol: "udp", hostPort: 5353 };
    const asker = `
      const socket = require("dgram").createSocket("udp4");
      socket.on("message", (data) => console.log(String(data)));
      socket.bind(4000, () => setInterval(() => socket.send("?", 5353, "${host.ip}"), 50));`;
    const child = outside.spawn(process.execPath, ["-e", asker], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    const answered = (want: string) =>
      new Promise<void>((resolve) => {
        child.stdout?.on("data", (data) => {
          if (String(data).includes(want)) resolve();
        });
      });
    for (const name of ["udp1", "udp2"]) {
      const { netnsPath } = await open(name, endpoints, [port]);
      const server = `
        const socket = require("dgram").createSocket("udp4");
        socket.on("message", (_, peer) => socket.send("${name}", peer.port, peer.address));
        socket.bind(5300);`;
      const args = [`--net=${netnsPath}`, process.execPath, "-e", server];
      const program = spawn("nsenter", args, { stdio: "inherit" });
      children.push(program);
      await answered(name);
      program.kill("SIGKILL");
      await node.call("close", idOf(name));
    }
    child.kill("SIGKILL");
  });

  it("has nothing half done, whenever it is killed", async () => {
    await node.keepOnly([]);
    for (let round = 0; round < 6; round += 1) {
      // What is under way when it is killed fails, which is the point.
      const name = `app${round}`;
      const work = (async () => {
        await node.call("create", { ...request, name });
        const port: PortRequest = { containerPort: 80, protocol: "tcp", hostPort: 8100 + round };
        const endpoint = { network: name, aliases: [] };
        await Promise.all(["k1", "k2"].map((id) => open(id, [endpoint])));
        await Promise.all([open("k3", [endpoint], [port]), node.call("close", idOf("k1"))]);
        await node.call("connect", idOf("k2"), { network: "bridge", aliases: [] });
        await node.keepOnly([]);
        await node.call("remove", (await localNetwork(name)).id);
      })().catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, round * 60));
      await node.kill();
      await work;
      await startNode();
      const known = new Set((await node.call("list")).map(({ bridge }) => bridge));
      for (const id of ["k1", "k2", "k3"]) {
        // Either all of it is there, or nothing.
        const ports = await node.call("inspect", idOf(id));
        if (ports.length > 0)
          assert.equal(
            await ask(paths.get(id) ?? join(folder, "run/netns-local", idOf(id)), outside.ip, 7000),
            `outside ${host.ip}`,
          );
      }
      await node.keepOnly([]);
      assert.deepEqual(
        (await links()).filter((link) => !known.has(link)),
        [],
      );
      assert.deepEqual(await readdir(join(folder, "run/netns-local")), []);
      assert.deepEqual(await readdir(join(folder, "data/sandboxes")), []);
      const left = (await node.call("list")).find((one) => one.name === name);
      if (left !== undefined) await node.call("remove", left.id);
    }
  });

  it("leaves nothing behind", async () => {
    await open("web", [{ network: "app", aliases: [] }]);
    await open("shop", [{ network: "app", aliases: [] }]);
    await node.keepOnly([idOf("web")]);
    assert.deepEqual(await readdir(join(folder, "run/netns-local")), [idOf("web")]);
    assert.equal(await ask(`/run/netns/${outside.name}`, host.ip, 8080), "");
    await node.call("close", idOf("web"));
    await node.call("close", idOf("web"));
    for (const name of ["app", "closed"]) {
      await node.call("remove", (await localNetwork(name)).id);
    }
    const bridge = await localNetwork("bridge");
    await assert.rejects(node.call("remove", bridge.id), /pre-defined network/);
    assert.deepEqual(await links(), [bridge.bridge]);
    await node.kill();
    await startNode();
    assert.deepEqual(
      (await node.call("list")).map(({ name }) => name),
      ["bridge", "host", "none"],
    );
  });
});
