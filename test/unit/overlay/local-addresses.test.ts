import assert from "node:assert/strict";
import fc from "fast-check";
import { parseSubnet, subnetContains, subnetsOverlap } from "../../../src/base/ip.ts";
import {
  defaultAddressPools,
  nextAddress,
  nextSubnet,
  parseAddressPool,
  wantedAddress,
} from "../../../src/overlay/local/address-pool.ts";
import { readBridgeOptions } from "../../../src/overlay/local/bridge-options.ts";
import { routeSubnets } from "../../../src/overlay/local/host-routes.ts";
import { planNewEndpoint } from "../../../src/overlay/local/plan-new-endpoint.ts";
import { type Neighbourhood, planNewNetwork } from "../../../src/overlay/local/plan-new-network.ts";
import { aLocalNetwork, aLocalSandbox } from "../../support/local-network-builders.ts";

const subnets = (...texts: string[]) => texts.map(parseSubnet);

describe("parseAddressPool", () => {
  const rows = [
    {
      given: "base=172.80.0.0/16,size=24",
      want: { prefix: 24, base: parseSubnet("172.80.0.0/16") },
    },
    {
      given: " size=29 , BASE=10.9.0.0/28",
      want: { prefix: 29, base: parseSubnet("10.9.0.0/28") },
    },
  ];
  for (const { given, want } of rows) {
    it(`reads ${given}`, () => assert.deepEqual(parseAddressPool(given), want));
  }
  for (const given of [
    "",
    "172.80.0.0/16",
    "base=172.80.0.0/16",
    "base=172.80.0.0,size=24",
    "base=172.80.0.0/16,size=15",
    "base=172.80.0.0/16,size=30",
    "base=172.80.0.0/16,size=24,more=1",
  ]) {
    it(`refuses "${given}"`, () =>
      assert.throws(() => parseAddressPool(given), { code: "INVALID_ARGUMENT" }));
  }
});

describe("nextSubnet", () => {
  const pool = parseAddressPool("base=10.9.0.0/22,size=24");
  const rows = [
    { name: "the first", taken: [], want: "10.9.0.0/24" },
    { name: "the next to one in use", taken: ["10.9.0.0/24"], want: "10.9.1.0/24" },
    { name: "behind a larger one", taken: ["10.9.0.0/23"], want: "10.9.2.0/24" },
    { name: "around a host's route", taken: ["10.9.0.7/32", "10.9.1.0/28"], want: "10.9.2.0/24" },
  ];
  for (const { name, taken, want } of rows) {
    it(`gives ${name}`, () => assert.equal(nextSubnet([pool], subnets(...taken)), want));
  }
  it("goes on to the next pool, and ends", () => {
    const second = parseAddressPool("base=10.10.0.0/24,size=24");
    const all = subnets("10.9.0.0/16");
    assert.equal(nextSubnet([pool, second], all), "10.10.0.0/24");
    assert.throws(() => nextSubnet([pool], all), { code: "RESOURCE_EXHAUSTED" });
  });
  it("begins like Docker", () => {
    assert.equal(nextSubnet(defaultAddressPools, []), "172.17.0.0/16");
    assert.equal(nextSubnet(defaultAddressPools, subnets("172.16.0.0/12")), "192.168.0.0/20");
  });
  it("never gives what overlaps with anything taken", () => {
    const cidr = fc
      .tuple(
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 12, max: 32 }),
      )
      .map(([a, b, prefix]) => parseSubnet(`172.${a}.${b}.0/${prefix}`));
    fc.assert(
      fc.property(fc.array(cidr, { maxLength: 30 }), (taken) => {
        const given = parseSubnet(nextSubnet(defaultAddressPools, taken));
        assert.ok(!taken.some((other) => subnetsOverlap(given, other)));
        assert.ok(
          defaultAddressPools.some(({ base }) =>
            subnetContains(base, `${nextSubnet(defaultAddressPools, taken).split("/")[0]}`),
          ),
        );
      }),
    );
  });
});

describe("addresses of a local network", () => {
  const network = aLocalNetwork({
    subnet: "10.9.0.0/29",
    gateway: "10.9.0.1",
    reserved: { printer: "10.9.0.3" },
  });
  it("gives the lowest that is neither the gateway's, held nor used", () => {
    assert.equal(nextAddress(network, new Set()), "10.9.0.2");
    assert.equal(nextAddress(network, new Set(["10.9.0.2"])), "10.9.0.4");
    const all = new Set(["10.9.0.2", "10.9.0.4", "10.9.0.5", "10.9.0.6"]);
    assert.throws(() => nextAddress(network, all), { code: "RESOURCE_EXHAUSTED" });
  });
  it("stays in the range", () => {
    const ranged = { ...network, ipRange: "10.9.0.4/31" };
    assert.equal(nextAddress(ranged, new Set()), "10.9.0.4");
    assert.throws(() => nextAddress(ranged, new Set(["10.9.0.4", "10.9.0.5"])), /10\.9\.0\.4\/31/);
  });
  it("gives a wanted one, when it is free and inside", () => {
    assert.equal(wantedAddress(network, "10.9.0.6", new Set()), "10.9.0.6");
    for (const ip of ["10.9.0.1", "10.9.0.3", "10.9.0.2"]) {
      assert.throws(() => wantedAddress(network, ip, new Set(["10.9.0.2"])), /already in use/);
    }
    for (const ip of ["10.9.0.0", "10.9.0.7", "10.9.1.2", "x"]) {
      assert.throws(() => wantedAddress(network, ip, new Set()), { code: "INVALID_ARGUMENT" });
    }
  });
});

describe("planNewEndpoint", () => {
  const network = aLocalNetwork({ subnet: "10.9.0.0/29", gateway: "10.9.0.1" });
  const [taken] = aLocalSandbox("n1", "10.9.0.2").endpoints;
  const others = {
    ...{ endpointId: "000001abcdef".padEnd(64, "0"), prefix: "skt1v" },
    ...{ all: taken === undefined ? [] : [taken], own: [] },
  };
  const wish = { networkId: "n1", aliases: ["www"], ip: "", mac: "" };

  it("takes a free address, link and port, and Docker's MAC address", () => {
    assert.deepEqual(planNewEndpoint(wish, network, others), {
      ...{ endpointId: others.endpointId, networkId: "n1", address: "10.9.0.3" },
      ...{ mac: "02:42:0a:09:00:03", link: "eth0", port: "skt1v00001a", aliases: ["www"] },
    });
    const second = planNewEndpoint(wish, network, { ...others, own: others.all });
    assert.equal(second.link, "eth1");
  });
  it("takes what is asked for", () => {
    const asked = { ...wish, ip: "10.9.0.6", mac: "02:42:AA:00:00:01" };
    const { address, mac } = planNewEndpoint(asked, network, others);
    assert.deepEqual([address, mac], ["10.9.0.6", "02:42:aa:00:00:01"]);
  });
  const common = aLocalNetwork({ name: "bridge" });
  const wrong = [
    { name: "a bad MAC", given: { mac: "x" }, on: network, want: /MAC address "x"/ },
    { name: "a taken address", given: { ip: "10.9.0.2" }, on: network, want: /already in use/ },
    { name: "an alias on the default network", given: {}, on: common, want: /scoped alias/ },
    {
      name: "an address on the default network",
      given: { aliases: [], ip: "172.20.0.9" },
      on: common,
      want: /user defined networks only/,
    },
  ];
  for (const { name, given, on, want } of wrong) {
    it(`refuses ${name}`, () =>
      assert.throws(() => planNewEndpoint({ ...wish, ...given }, on, others), want));
  }
});

describe("readBridgeOptions", () => {
  it("knows Docker's defaults", () => {
    assert.deepEqual(readBridgeOptions({}), {
      ...{ name: "", mtu: 1500, containersMeet: true, masquerade: true, hostAddress: "0.0.0.0" },
    });
  });
  it("reads each option", () => {
    const options = {
      "com.docker.network.bridge.name": "br-app",
      "com.docker.network.driver.mtu": "1400",
      "com.docker.network.bridge.enable_icc": "false",
      "com.docker.network.bridge.enable_ip_masquerade": "0",
      "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
      "com.docker.network.bridge.gateway_mode_ipv4": "nat",
    };
    assert.deepEqual(readBridgeOptions(options), {
      ...{
        name: "br-app",
        mtu: 1400,
        containersMeet: false,
        masquerade: false,
        hostAddress: "127.0.0.1",
      },
    });
  });
  for (const [key, value] of [
    ["com.docker.network.bridge.name", "much-too-long-a-name"],
    ["com.docker.network.bridge.name", "a/b"],
    ["com.docker.network.driver.mtu", "huge"],
    ["com.docker.network.bridge.enable_icc", "perhaps"],
    ["com.docker.network.bridge.gateway_mode_ipv4", "routed"],
    ["com.docker.network.bridge.inhibit_ipv4", "true"],
    ["parent", "eth0"],
  ] as const) {
    it(`refuses ${key}=${value} by name`, () => {
      assert.throws(
        () => readBridgeOptions({ [key]: value }),
        (error: Error) => error.message.includes(key),
      );
    });
  }
});

describe("planNewNetwork", () => {
  const blank = {
    ...{ name: "app", subnet: "", gateway: "", ipRange: "", reserved: {} },
    ...{ internal: false, attachable: false, options: {}, labels: {} },
  };
  const made = { id: "i1", bridge: "skt1nabcdef", createdAtMs: 5 };
  const pools = [parseAddressPool("base=10.9.0.0/16,size=24")];
  const near: Neighbourhood = {
    networks: [aLocalNetwork({ id: "other", name: "old", subnet: "10.9.0.0/24", bridge: "old0" })],
    routes: subnets("10.9.1.0/24"),
    avoided: subnets("10.9.2.0/24"),
    links: new Set(["eth0"]),
  };
  const plan = (request: Partial<typeof blank>) =>
    planNewNetwork({ ...blank, ...request }, made, pools, near);

  it("takes a free subnet of the pools, and its first address as gateway", () => {
    const { subnet, gateway, bridge } = plan({});
    assert.deepEqual([subnet, gateway, bridge], ["10.9.3.0/24", "10.9.3.1", "skt1nabcdef"]);
  });
  it("honours subnet, range, gateway and the bridge's name", () => {
    const named = { "com.docker.network.bridge.name": "br-app" };
    const own = plan({ subnet: "10.8.7.0/24", ipRange: "10.8.7.128/25", options: named });
    assert.deepEqual(
      [own.subnet, own.ipRange, own.gateway, own.bridge],
      ["10.8.7.0/24", "10.8.7.128/25", "10.8.7.128", "br-app"],
    );
    assert.equal(plan({ subnet: "10.8.7.0/24", gateway: "10.8.7.254" }).gateway, "10.8.7.254");
  });
  it("takes a subnet of the swarm's pool when it is asked for by name", () => {
    assert.equal(plan({ subnet: "10.9.2.0/24" }).subnet, "10.9.2.0/24");
  });
  const wrong = [
    { name: "a name in use", given: { name: "old" }, want: { code: "ALREADY_EXISTS" } },
    { name: "a bad name", given: { name: "a b" }, want: { code: "INVALID_ARGUMENT" } },
    { name: "no name", given: { name: "" }, want: { code: "INVALID_ARGUMENT" } },
    { name: "a network's subnet", given: { subnet: "10.9.0.128/25" }, want: /Pool overlaps/ },
    { name: "a route's subnet", given: { subnet: "10.9.0.0/20" }, want: /Pool overlaps/ },
    { name: "a tiny subnet", given: { subnet: "10.8.0.0/31" }, want: /from \/8 to \/30/ },
    {
      name: "a range elsewhere",
      given: { subnet: "10.8.0.0/24", ipRange: "10.7.0.0/25" },
      want: /ip-range/,
    },
    {
      name: "a gateway elsewhere",
      given: { subnet: "10.8.0.0/24", gateway: "10.7.0.1" },
      want: /10\.7\.0\.1/,
    },
    { name: "a gateway alone", given: { gateway: "10.7.0.1" }, want: /needs a --subnet/ },
    {
      name: "a link's name",
      given: { options: { "com.docker.network.bridge.name": "eth0" } },
      want: /eth0 already/,
    },
    {
      name: "a bridge's name",
      given: { options: { "com.docker.network.bridge.name": "old0" } },
      want: /old0 already/,
    },
  ];
  for (const { name, given, want } of wrong) {
    it(`refuses ${name}`, () => assert.throws(() => plan(given), want));
  }
});

describe("routeSubnets", () => {
  it("leaves out the default route and its own link", () => {
    const routes = [
      { dst: "default", dev: "eth0" },
      { dst: "10.77.0.0/24", dev: "eth0" },
      { dst: "10.1.2.3", dev: "eth0" },
      { dst: "172.17.0.0/16", dev: "br1" },
    ];
    assert.deepEqual(routeSubnets(routes, "br1"), subnets("10.77.0.0/24", "10.1.2.3/32"));
    assert.equal(routeSubnets(routes, "").length, 3);
  });
});
