import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { tryCommand } from "../../src/base/command.ts";
import type { NetworkState, OverlayEndpoint } from "../../src/overlay/network-state.ts";
import { OverlayHost } from "../support/overlay-host.ts";
import { createHosts, type TestNetwork } from "../support/test-hosts.ts";

const networkId = "web";
const virtualIp = "10.5.0.2";
const servicePort = 8080;

interface Node {
  overlay: OverlayHost;
  readonly execRoot: string;
  readonly nodeAddress: string;
}

const byText = (a: string, b: string) => a.localeCompare(b);

/** Which endpoint is on which node: index 0 or 1, last byte of its address on both networks. */
const tasks = [
  { name: "a", node: 0, byte: 10 },
  { name: "b", node: 1, byte: 11 },
  { name: "c", node: 1, byte: 12 },
];

describe("overlay on two hosts", function () {
  this.timeout(30_000);
  let made: TestNetwork;
  let nodes: Node[] = [];
  const paths = new Map<string, string>();
  const children: ChildProcess[] = [];

  before(async () => {
    made = await createHosts(2);
    for (const [index, host] of made.hosts.entries()) {
      const execRoot = await mkdtemp(join(tmpdir(), "skep-overlay-"));
      const overlay = new OverlayHost(host);
      await overlay.call("start", { execRoot, dataPathAddress: host.ip, upstreams: [] });
      nodes.push({ overlay, execRoot, nodeAddress: `10.6.0.${index + 2}/24` });
    }
    await apply();
    for (const { name, node, byte } of tasks) await createTask(name, node, byte);
    await createTask("client", 0, 20);
    for (const { name } of tasks) await listen(name);
  });

  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    for (const { overlay, execRoot } of nodes) {
      await overlay.call("removeAll").catch(() => {});
      await overlay.kill();
      await rm(execRoot, { recursive: true, force: true });
    }
    nodes = [];
    await made?.destroy();
  });

  async function createTask(name: string, node: number, byte: number): Promise<void> {
    const { namespacePath } = await at(node).overlay.call("createSandbox", {
      id: name,
      attachments: [
        { networkId, address: `10.5.0.${byte}/24` },
        { networkId: "mesh", address: `10.6.0.${byte}/24` },
      ],
      options: { hostPorts: [], external: true },
    });
    paths.set(name, namespacePath);
  }

  /** Answers each connection with the task's name. */
  async function listen(name: string): Promise<void> {
    const path = must(paths.get(name), name);
    const program = `require("net").createServer((s) => s.on("error", () => {}).end("${name}")).listen(${servicePort}, () => console.log("ready"));`;
    const child = spawn("nsenter", [`--net=${path}`, process.execPath, "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    await new Promise((resolve) => child.stdout.once("data", resolve));
  }

  /** Asks `count` times in a row; "" for each that fails within 2 s. */
  async function ask(path: string, address: string, port: number, count: number) {
    const program = `
      const { connect } = require("net");
      const once = () => new Promise((resolve) => {
        let text = "";
        const socket = connect({ host: "${address}", port: ${port} });
        socket.setTimeout(2000, () => socket.destroy());
        socket.on("data", (data) => { text += data; }).on("error", () => {}).on("close", () => resolve(text));
      });
      (async () => {
        const all = [];
        for (let i = 0; i < ${count}; i += 1) all.push(await once());
        console.log(JSON.stringify(all));
      })();`;
    const { stdout, stderr } = await tryCommand("nsenter", [
      `--net=${path}`,
      process.execPath,
      "-e",
      program,
    ]);
    assert.equal(stderr, "");
    return JSON.parse(stdout) as string[];
  }

  const at = (node: number) => must(nodes[node], "node");
  const pathOf = (name: string) => must(paths.get(name), name);
  const hostPath = (node: number) => `/run/netns/${at(node).overlay.host.name}`;
  const ping = async (path: string, address: string) =>
    (await tryCommand("nsenter", [`--net=${path}`, "busybox", "ping", "-c1", "-W1", address]))
      .exitCode === 0;

  function stateOf(node: number, serving: ReadonlySet<string>): NetworkState {
    const endpoints = tasks.flatMap((task): OverlayEndpoint[] =>
      [networkId, "mesh"].map((network, index) => ({
        id: `${network}/${task.name}`,
        networkId: network,
        taskId: task.name,
        serviceId: "service",
        address: `10.${5 + index}.0.${task.byte}/24`,
        dataPathAddress: at(task.node).overlay.host.ip,
        serving: serving.has(task.name),
        local: task.node === node,
      })),
    );
    const ownAddresses = nodes.map(
      (other, index): OverlayEndpoint => ({
        id: `mesh/node${index}`,
        networkId: "mesh",
        taskId: "",
        serviceId: "",
        address: other.nodeAddress,
        dataPathAddress: other.overlay.host.ip,
        serving: false,
        local: index === node,
      }),
    );
    const base = { gateway: "", internal: false, vxlanPort: 4789 };
    return {
      networks: [
        {
          ...base,
          id: networkId,
          name: "web",
          vni: 4097,
          subnet: "10.5.0.0/24",
          ingress: false,
          nodeAddress: "",
        },
        {
          ...base,
          id: "mesh",
          name: "ingress",
          vni: 4098,
          subnet: "10.6.0.0/24",
          ingress: true,
          nodeAddress: at(node).nodeAddress,
        },
        // The same addresses as the first: they must not disturb each other.
        {
          ...base,
          id: "twin",
          name: "twin",
          vni: 4099,
          subnet: "10.5.0.0/24",
          ingress: false,
          nodeAddress: "",
        },
      ],
      endpoints: [...endpoints, ...ownAddresses, clientEndpoint(node)],
      services: [
        {
          id: "service",
          name: "service",
          virtualIps: [{ networkId, address: `${virtualIp}/24` }],
          ports: [{ protocol: "tcp", published: 9080, target: servicePort, mode: "ingress" }],
        },
        {
          id: "idle",
          name: "idle",
          virtualIps: [{ networkId, address: "10.5.0.3/24" }],
          ports: [{ protocol: "tcp", published: 9081, target: servicePort, mode: "ingress" }],
        },
      ],
    };
  }

  function clientEndpoint(node: number): OverlayEndpoint {
    const address = "10.5.0.20/24";
    const dataPathAddress = at(0).overlay.host.ip;
    return {
      id: "web/client",
      networkId,
      taskId: "client",
      serviceId: "",
      address,
      dataPathAddress,
      serving: true,
      local: node === 0,
    };
  }

  async function apply(names: readonly string[] = tasks.map(({ name }) => name)): Promise<void> {
    const serving = new Set(names);
    await Promise.all(
      nodes.map(({ overlay }, node) => overlay.call("apply", stateOf(node, serving))),
    );
  }

  it("carries pings and TCP between hosts", async () => {
    assert.ok(await ping(pathOf("client"), "10.5.0.10"), "same host");
    assert.ok(await ping(pathOf("client"), "10.5.0.11"), "other host");
    assert.deepEqual(await ask(pathOf("client"), "10.5.0.12", servicePort, 1), ["c"]);
  });

  it("spreads connections to a VIP evenly and answers its pings", async () => {
    const answers = await ask(pathOf("client"), virtualIp, servicePort, 30);
    const count = (name: string) => answers.filter((answer) => answer === name).length;
    assert.deepEqual([count("a"), count("b"), count("c")], [10, 10, 10]);
    assert.ok(await ping(pathOf("client"), virtualIp));
    assert.deepEqual((await ask(pathOf("a"), virtualIp, servicePort, 3)).toSorted(byText), [
      "a",
      "b",
      "c",
    ]);
  });

  it("refuses a VIP without backends at once", async () => {
    const startedAt = Date.now();
    assert.deepEqual(await ask(pathOf("client"), "10.5.0.3", servicePort, 1), [""]);
    assert.ok(Date.now() - startedAt < 1_500);
  });

  it("stops sending to an endpoint that no longer serves", async () => {
    await apply(["a", "c"]);
    const answers = await ask(pathOf("client"), virtualIp, servicePort, 10);
    assert.deepEqual([...new Set(answers)].toSorted(byText), ["a", "c"]);
    const mesh = await ask(hostPath(1), made.hosts[0]?.ip ?? "", 9080, 10);
    assert.deepEqual([...new Set(mesh)].toSorted(byText), ["a", "c"]);
    await apply();
  });

  it("answers a published port on every node, from outside, from itself and from 127.0.0.1", async () => {
    const everyone = ["a", "b", "c"];
    for (const [from, to] of [
      [1, made.hosts[0]?.ip],
      [0, made.hosts[1]?.ip],
      [0, made.hosts[0]?.ip],
      [0, "127.0.0.1"],
      [1, "127.0.0.1"],
    ] as const) {
      const answers = await ask(hostPath(from), to ?? "", 9080, 9);
      assert.deepEqual(
        [...new Set(answers)].toSorted(byText),
        everyone,
        `from host ${from} to ${to}`,
      );
    }
    // A container reaches it too, by the node's address.
    const answers = await ask(pathOf("client"), made.hosts[0]?.ip ?? "", 9080, 3);
    assert.deepEqual(answers.toSorted(byText), everyone);
    const startedAt = Date.now();
    assert.deepEqual(await ask(hostPath(1), made.hosts[0]?.ip ?? "", 9081, 1), [""]);
    assert.ok(Date.now() - startedAt < 1_500, "a port without backends is refused");
  });

  it("keeps networks apart", async () => {
    for (const node of [0, 1]) {
      const { namespacePath } = await at(node).overlay.call("createSandbox", {
        id: `twin${node}`,
        attachments: [{ networkId: "twin", address: `10.5.0.${10 + node}/24` }],
        options: { hostPorts: [], external: true },
      });
      paths.set(`twin${node}`, namespacePath);
    }
    const twin = pathOf("twin0");
    assert.ok(await ping(pathOf("client"), "10.5.0.10"));
    // Network web has 10.5.0.12 and 10.5.0.20; twin has not.
    assert.equal(await ping(twin, "10.5.0.20"), false);
    assert.equal(await ping(twin, "10.5.0.12"), false);
    const sandboxes = await at(0).overlay.call("sandboxes");
    const client = sandboxes.find(({ id }) => id === "client") as { bridgeAddress?: string };
    assert.equal(await ping(twin, client.bridgeAddress ?? ""), false, "over the egress bridge");
    assert.equal(await ping(twin, "10.6.0.10"), false, "through the host into the mesh");
    assert.ok(await ping(twin, made.hosts[1]?.ip ?? ""), "the way out is open");
    for (const node of [0, 1]) await at(node).overlay.call("removeSandbox", `twin${node}`);
  });

  it("publishes host ports and names a taken one", async () => {
    const { namespacePath } = await at(0).overlay.call("createSandbox", {
      id: "d",
      attachments: [],
      options: {
        hostPorts: [{ protocol: "tcp", published: 7070, target: servicePort }],
        external: true,
      },
    });
    paths.set("d", namespacePath);
    await listen("d");
    for (const [from, to] of [
      [1, made.hosts[0]?.ip],
      [0, "127.0.0.1"],
    ] as const) {
      assert.deepEqual(await ask(hostPath(from), to ?? "", 7070, 1), ["d"]);
    }
    await assert.rejects(
      at(0).overlay.call("createSandbox", {
        id: "e",
        attachments: [],
        options: { hostPorts: [{ protocol: "tcp", published: 7070, target: 1 }], external: true },
      }),
      /host port 7070\/tcp is already in use on this node/,
    );
    await at(0).overlay.call("removeSandbox", "d");
    assert.deepEqual(await ask(hostPath(0), "127.0.0.1", 7070, 1), [""]);
  });

  it("repairs what was changed from outside", async () => {
    await at(0).overlay.call("repair");
    const network = join(at(0).execRoot, "netns", "net-web");
    const change = (path: string, ...args: string[]) =>
      tryCommand("nsenter", [`--net=${path}`, ...args]);
    await change(network, "bridge", "fdb", "del", "02:42:0a:05:00:0b", "dev", "vxlan0", "self");
    await change(network, "ip", "link", "set", "p0a05000a", "nomaster");
    await change(pathOf("client"), "nft", "delete", "table", "ip", "skep");
    await change(hostPath(0), "nft", "delete", "table", "ip", "skep_t");
    assert.equal(await ping(pathOf("client"), "10.5.0.11"), false);
    await at(0).overlay.call("repair");
    assert.ok(await ping(pathOf("client"), "10.5.0.11"));
    assert.ok(await ping(pathOf("client"), "10.5.0.10"));
    const answers = await ask(pathOf("client"), virtualIp, servicePort, 6);
    assert.deepEqual([...new Set(answers)].toSorted(byText), ["a", "b", "c"]);
    assert.equal((await ask(hostPath(0), "127.0.0.1", 9080, 3)).includes(""), false);
  });

  it("goes on through a crash of the daemon, and the next one takes over", async () => {
    const node = at(0);
    await node.overlay.kill();
    assert.deepEqual((await ask(pathOf("client"), virtualIp, servicePort, 3)).toSorted(byText), [
      "a",
      "b",
      "c",
    ]);
    const overlay = new OverlayHost(node.overlay.host);
    node.overlay = overlay;
    await overlay.call("start", {
      execRoot: node.execRoot,
      dataPathAddress: overlay.host.ip,
      upstreams: [],
    });
    const ids = (await overlay.call("sandboxes")).map(({ id }) => id);
    assert.deepEqual(ids.toSorted(byText), ["a", "client"]);
    await apply(["b"]);
    assert.deepEqual(await ask(pathOf("client"), virtualIp, servicePort, 2), ["b", "b"]);
    await apply();
    // Only this node knows of it so far.
    await createTask("later", 0, 21);
    assert.ok(await ping(pathOf("later"), "10.5.0.10"));
  });

  it("leaves nothing behind", async () => {
    for (const { overlay, execRoot } of nodes) {
      await overlay.call("removeAll");
      assert.deepEqual(await readdir(join(execRoot, "netns")), []);
      assert.deepEqual(await readdir(join(execRoot, "sandboxes")), []);
      const links = await overlay.host.exec(["ip", "-o", "link"]);
      assert.deepEqual(links.match(/ skt\w*(?=[:@])/g), null);
      assert.equal(await overlay.host.exec(["nft", "list", "ruleset"]), "");
    }
  });
});
