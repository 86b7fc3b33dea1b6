import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { must } from "../../src/base/assert.ts";
import { tryCommand } from "../../src/base/command.ts";
import type { ZoneInput } from "../../src/dns/zone.ts";
import { OverlayHost } from "../support/overlay-host.ts";
import { createHosts, type TestNetwork } from "../support/test-hosts.ts";

const taskCount = 60;

// An outside server: "cut." answers are cut by UDP and whole by TCP; every other name is 192.0.2.7. Each
// answer is preceded by forged ones, with another id and with another question. It prints the names it is asked.
const upstream = `
  const { createSocket } = require("dgram");
  const { createServer } = require("net");
  const answer = (query, cut) => {
    const end = query.indexOf(0, 12) + 5;
    const head = Buffer.from([query[0], query[1], cut ? 0x83 : 0x81, 0x80, 0, 1, 0, cut ? 0 : 1, 0, 0, 0, 0]);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    return Buffer.concat([head, query.subarray(12, end), cut ? Buffer.alloc(0) : record]);
  };
  const udp = createSocket("udp4");
  udp.on("message", (query, peer) => {
    console.log(query.toString("latin1", 13, 13 + query[12]));
    const send = (packet) => udp.send(packet, peer.port, peer.address);
    const whole = answer(query, query.toString("latin1", 13, 16) === "cut");
    const otherId = Buffer.from(whole); otherId[0] ^= 1; otherId[otherId.length - 1] = 66; send(otherId);
    const otherName = Buffer.from(whole); otherName[13] ^= 1; otherName[otherName.length - 1] = 66; send(otherName);
    send(whole);
  });
  createServer((socket) => socket.on("error", () => {}).on("data", (data) => {
    const packet = answer(data.subarray(2), false);
    socket.write(Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]));
  })).listen(5300, "127.0.0.1", () => udp.bind(5300, "127.0.0.1", () => console.log("ready")));`;

describe("dns in sandboxes", function () {
  this.timeout(20_000);
  let made: TestNetwork;
  let overlay: OverlayHost;
  let server: ChildProcess;
  let asked = "";
  const paths = new Map<string, string>();

  before(async () => {
    made = await createHosts(1);
    const host = must(made.hosts[0], "host");
    server = host.spawn(process.execPath, ["-e", upstream], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise<void>((resolve) => {
      server.stdout?.on("data", (data: Buffer) => {
        asked += data.toString();
        resolve();
      });
    });
    overlay = new OverlayHost(host);
    // The first is our own address in sandboxes, the second has nobody behind it.
    const upstreams = ["127.0.0.11", "127.0.0.1:5399", "127.0.0.1:5300"];
    const execRoot = host.stateDir;
    await overlay.call("start", { execRoot, dataPathAddress: host.ip, upstreams });
    const network = (id: string, vni: number, third: number, internal: boolean) => ({
      id,
      name: id,
      vni,
      subnet: `10.5.${third}.0/24`,
      gateway: "",
      internal,
      ingress: false,
      vxlanPort: 4789,
      nodeAddress: "",
    });
    const networks = [network("front", 5001, 1, false), network("back", 5002, 2, true)];
    await overlay.call("apply", { networks, endpoints: [], services: [] });
    for (const [index, { id, internal }] of networks.entries()) {
      const attachments = [{ networkId: id, address: `10.5.${index + 1}.5/24` }];
      const { namespacePath } = await overlay.call("createSandbox", {
        id,
        attachments,
        options: { hostPorts: [], external: !internal },
      });
      paths.set(id, namespacePath);
      const zone = zoneInput(id, networks, attachments);
      await overlay.call("addNames", { id, path: namespacePath, zone });
    }
  });

  after(async () => {
    server?.kill("SIGKILL");
    await overlay?.call("removeAll").catch(() => {});
    await overlay?.kill();
    await made?.destroy();
  });

  function zoneInput(
    networkId: string,
    networks: ZoneInput["networks"],
    attachments: ZoneInput["attachments"],
  ): ZoneInput {
    const vip = networkId === "front" ? "10.5.1.2" : "10.5.2.2";
    return {
      networks,
      attachments,
      endpoints: Array.from({ length: taskCount }, (_, index) => ({
        networkId,
        taskId: `t${index}`,
        taskName: `web.${index}.x`,
        serviceId: "web",
        serviceName: "web",
        address: `${vip.slice(0, -1)}${index + 10}/24`,
        aliases: [],
        serving: true,
      })),
      services: [
        {
          id: "web",
          name: "web",
          mode: "vip",
          virtualIps: [{ networkId, address: `${vip}/24` }],
          aliases: [],
        },
      ],
      ownNames: ["self"],
    };
  }

  /** Evaluates an expression over a resolver `r` inside a sandbox; the value, or the error's code. */
  async function inside(id: string, expression: string): Promise<unknown> {
    const program = `
      const r = new (require("dns").promises.Resolver)({ timeout: 6000, tries: 1 });
      r.setServers(["127.0.0.11"]);
      (async () => ${expression})().then((v) => v, (e) => e.code).then((v) => console.log(JSON.stringify(v)));`;
    const path = must(paths.get(id), id);
    const { stdout, stderr } = await tryCommand("nsenter", [
      `--net=${path}`,
      process.execPath,
      "-e",
      program,
    ]);
    assert.equal(stderr, "");
    return JSON.parse(stdout);
  }

  it("answers each sandbox from its own networks", async () => {
    assert.deepEqual(await inside("front", 'r.resolve4("web")'), ["10.5.1.2"]);
    assert.deepEqual(await inside("back", 'r.resolve4("WEB")'), ["10.5.2.2"]);
    assert.deepEqual(await inside("front", 'r.reverse("10.5.1.12")'), ["web.2.x.front"]);
    assert.equal(await inside("front", 'r.resolve6("web")'), "ENODATA");
    assert.equal(await inside("front", 'r.resolve4("unknown")'), "ENOTFOUND");
  });

  it("gives long answers by TCP", async () => {
    const addresses = (await inside("front", 'r.resolve4("tasks.web")')) as string[];
    assert.equal(new Set(addresses).size, taskCount);
  });

  it("asks outside for other names, and believes the server asked only", async () => {
    assert.deepEqual(await inside("front", 'r.resolve4("example.com")'), ["192.0.2.7"]);
    assert.deepEqual(await inside("front", 'r.resolve4("cut.example.com")'), ["192.0.2.7"]);
  });

  it("asks nothing outside from an internal network, and never for names of ours", async () => {
    assert.equal(await inside("back", 'r.resolve4("secret.example.com")'), "ENOTFOUND");
    for (const name of asked.split("\n")) {
      assert.ok(["", "ready", "example", "cut"].includes(name), name);
    }
  });

  it("answers broken packets or drops them, and goes on", async () => {
    const program = `
      const socket = require("dgram").createSocket("udp4");
      let left = 200;
      const next = () => left-- > 0
        ? socket.send(require("crypto").randomBytes(left * 5), 53, "127.0.0.11", () => setImmediate(next))
        : socket.close();
      next();`;
    const path = must(paths.get("front"), "front");
    await tryCommand("nsenter", [`--net=${path}`, process.execPath, "-e", program]);
    assert.deepEqual(await inside("front", 'r.resolve4("web")'), ["10.5.1.2"]);
  });
});
