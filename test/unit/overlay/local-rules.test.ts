import assert from "node:assert/strict";
import { ClusterError } from "../../../src/base/errors.ts";
import { portCandidates, portsClash } from "../../../src/overlay/local/choose-ports.ts";
import { freeLinkName } from "../../../src/overlay/local/free-link-name.ts";
import type { BoundPort } from "../../../src/overlay/local/local-network.ts";
import { planLocalRules } from "../../../src/overlay/local/local-rules.ts";
import {
  planBridge,
  planDefaultRoute,
  planEndpoint,
} from "../../../src/overlay/local/plan-local-links.ts";
import { PortBinder } from "../../../src/overlay/local/port-binder.ts";
import { hostNames } from "../../../src/overlay/names.ts";
import { aLocalNetwork, aLocalSandbox } from "../../support/local-network-builders.ts";

const names = hostNames("a1b2c3d4");
const tcp = (hostPort: number, hostIp = "0.0.0.0"): BoundPort => ({
  ...{ protocol: "tcp", hostIp, hostPort, containerPort: 80 },
});

/** The rules of one chain, without its hook. */
function rulesOf(script: string, chain: string): string[] {
  const lines = script.split("\n").map((line) => line.trim());
  const start = lines.indexOf(`chain ${chain} {`);
  return lines.slice(start + 2, lines.indexOf("}", start));
}

describe("planLocalRules", () => {
  const app = aLocalNetwork();
  const closed = aLocalNetwork({
    id: "n2",
    subnet: "172.21.0.0/16",
    internal: true,
    bridge: "br-closed",
  });

  it("replaces its own table only", () => {
    assert.match(
      planLocalRules(names, [], []),
      /^table ip skep_a1b2c3_local \{\n\}\ndelete table ip skep_a1b2c3_local\n/,
    );
  });
  it("keeps networks apart, and internal ones closed", () => {
    assert.deepEqual(rulesOf(planLocalRules(names, [app, closed], []), "wall"), [
      'iifname "br-app" oifname "br-app" accept',
      'iifname "br-closed" oifname "br-closed" accept',
      'iifname { "br-closed" } drop',
      'oifname { "br-closed" } drop',
      'iifname { "br-app", "br-closed" } ct state established,related accept',
      'oifname { "br-app", "br-closed" } ct state established,related accept',
      'oifname { "br-app", "br-closed" } ct status dnat accept',
      'oifname { "br-app", "br-closed" } drop',
    ]);
  });
  it("masquerades the way out, unless an option says no", () => {
    const meet =
      'oifname "br-app" ip saddr { 127.0.0.0/8, 172.20.0.0/16 } ct status dnat masquerade';
    assert.deepEqual(rulesOf(planLocalRules(names, [app, closed], []), "source"), [
      meet,
      'ip saddr 172.20.0.0/16 oifname != "br-app" masquerade',
    ]);
    const routed = {
      ...app,
      options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
    };
    assert.deepEqual(rulesOf(planLocalRules(names, [routed], []), "source"), [meet]);
  });
  it("publishes ports everywhere and on one address", () => {
    const one = aLocalSandbox("n1", "172.20.0.2", { ports: [tcp(8080), tcp(8081, "127.0.0.1")] });
    const two = aLocalSandbox("n1", "172.20.0.3", {
      ports: [{ ...tcp(53), protocol: "udp" }, tcp(80)],
    });
    const rules = [
      "meta l4proto tcp dnat ip to ip daddr . tcp dport map { 127.0.0.1 . 8081 : 172.20.0.2 . 80 }",
      "meta l4proto tcp fib daddr type local dnat ip to tcp dport map { 80 : 172.20.0.3 . 80, 8080 : 172.20.0.2 . 80 }",
      "meta l4proto udp fib daddr type local dnat ip to udp dport map { 53 : 172.20.0.3 . 80 }",
    ];
    const script = planLocalRules(names, [app], [one, two]);
    assert.deepEqual(rulesOf(script, "publish_local"), rules);
    assert.deepEqual(rulesOf(script, "publish"), ["ip daddr 127.0.0.0/8 return", ...rules]);
  });
  it("publishes by the first network that is not internal", () => {
    const one = aLocalSandbox("n2", "172.21.0.2", { ports: [tcp(8080)] });
    assert.deepEqual(rulesOf(planLocalRules(names, [app, closed], [one]), "publish_local"), []);
    const both = {
      ...one,
      endpoints: [...one.endpoints, ...aLocalSandbox("n1", "172.20.0.9").endpoints],
    };
    assert.match(planLocalRules(names, [app, closed], [both]), /8080 : 172\.20\.0\.9 \. 80/);
  });
});

describe("links of local networks", () => {
  const network = aLocalNetwork({ options: { "com.docker.network.driver.mtu": "1400" } });

  it("makes the bridge with the gateway's address, or mends it", () => {
    const mended = [
      "addr replace 172.20.0.1/16 dev br-app",
      "link set br-app address 02:42:ac:14:00:01 mtu 1400 up",
    ];
    assert.deepEqual(planBridge(network, true), mended);
    assert.deepEqual(planBridge(network, false), [
      "link add br-app type bridge mcast_snooping 0",
      ...mended,
    ]);
  });
  it("links a sandbox to the bridge", () => {
    const place = {
      ...{ endpointId: "", networkId: "n1", aliases: [], address: "172.20.0.2" },
      ...{ mac: "02:42:ac:14:00:02", link: "eth1", port: "skt1v000001" },
    };
    assert.deepEqual(planEndpoint(place, network, "/x/c"), {
      hostLines: [
        "link add skt1v000001 mtu 1400 type veth peer name eth1 mtu 1400 address 02:42:ac:14:00:02 netns /x/c",
      ],
      portLines: [
        "link set skt1v000001 master br-app up",
        "link set skt1v000001 type bridge_slave hairpin on",
      ],
      lines: ["addr add 172.20.0.2/16 brd + dev eth1", "link set eth1 up"],
    });
    const apart = { ...network, options: { "com.docker.network.bridge.enable_icc": "false" } };
    assert.match(planEndpoint(place, apart, "/x/c").portLines[1] ?? "", /isolated on$/);
    assert.deepEqual(planDefaultRoute({ endpoint: place, network }), [
      "route replace default via 172.20.0.1 dev eth1",
    ]);
    assert.deepEqual(planDefaultRoute(undefined), []);
  });
  it("names links within 15 bytes, each once", () => {
    const id = "0123456789ab".padEnd(64, "0");
    const first = freeLinkName(names.localPortPrefix, id, new Set());
    assert.equal(first.length, 15);
    assert.equal(freeLinkName(names.localPortPrefix, id, new Set([first])), "ska1b2c3v123456");
  });
});

describe("published ports of local networks", () => {
  it("clash on one port when their addresses meet", () => {
    const rows: readonly [BoundPort, BoundPort, boolean][] = [
      [tcp(80), tcp(80), true],
      [tcp(80), tcp(80, "127.0.0.1"), true],
      [tcp(80, "127.0.0.1"), tcp(80, "10.0.0.1"), false],
      [tcp(80), tcp(81), false],
      [tcp(80), { ...tcp(80), protocol: "udp" }, false],
    ];
    for (const [a, b, want] of rows) assert.equal(portsClash(a, b), want);
  });
  it("are tried once each, beginning behind the last one", () => {
    const all = [...portCandidates(40_000)];
    assert.deepEqual(
      [all[0], all.at(-1), all.length, new Set(all).size],
      [40_001, 40_000, 28_232, 28_232],
    );
    assert.equal(portCandidates(0).next().value, 32_768);
    assert.equal(portCandidates(60_999).next().value, 32_768);
  });

  const binder = (parts: Partial<ConstructorParameters<typeof PortBinder>[0]> = {}) =>
    new PortBinder({
      isPublished: () => false,
      sandboxes: () => [],
      bindFailure: async () => undefined,
      ...parts,
    });
  const wish = { containerPort: 80, protocol: "tcp" as const };

  it("are bound where they are asked for", async () => {
    const requests = [wish, { ...wish, hostPort: 80, hostIp: "127.0.0.1" }, wish];
    const bound = await binder().bind(requests, "10.0.0.1");
    assert.deepEqual(
      bound.map(({ hostIp, hostPort }) => `${hostIp}:${hostPort}`),
      ["10.0.0.1:32768", "127.0.0.1:80", "10.0.0.1:32769"],
    );
  });
  it("pass over what anybody has, when the choice is ours", async () => {
    const mine = binder({
      isPublished: (_, port) => port === 32_768,
      sandboxes: () => [aLocalSandbox("n1", "172.20.0.2", { ports: [tcp(32_769)] })],
      bindFailure: async (_, port) => (port === 32_770 ? "EADDRINUSE" : undefined),
    });
    const [bound] = await mine.bind([wish], "0.0.0.0");
    assert.equal(bound?.hostPort, 32_771);
  });
  const taken = /^Bind for 0\.0\.0\.0:80 failed: port is already allocated$/;
  const refusals = [
    {
      name: "a container's",
      given: { sandboxes: () => [aLocalSandbox("n", "1", { ports: [tcp(80)] })] },
      want: taken,
    },
    { name: "the swarm's", given: { isPublished: () => true }, want: taken },
    {
      name: "a program's",
      given: { bindFailure: async () => "EADDRINUSE" },
      want: /0\.0\.0\.0:80\/tcp: address already in use$/,
    },
    {
      name: "on an address that the node has not",
      given: { bindFailure: async () => "EADDRNOTAVAIL" },
      want: /cannot assign requested address$/,
    },
  ];
  for (const { name, given, want } of refusals) {
    it(`are refused when they are ${name}`, async () => {
      const call = binder(given).bind([{ ...wish, hostPort: 80 }], "0.0.0.0");
      await assert.rejects(
        call,
        (error) => error instanceof ClusterError && want.test(error.message),
      );
    });
  }
  it("are refused twice in one container, and on IPv6", async () => {
    const port = { ...wish, hostPort: 80 };
    await assert.rejects(binder().bind([port, port], "0.0.0.0"), {
      message: "Bind for 0.0.0.0:80 failed: port is already allocated",
    });
    await assert.rejects(binder().bind([{ ...port, hostIp: "::1" }], "0.0.0.0"), /IPv4 only/);
    await assert.rejects(
      binder({ bindFailure: async () => "EADDRINUSE" }).bind([wish], "0.0.0.0"),
      {
        code: "RESOURCE_EXHAUSTED",
      },
    );
  });
});
