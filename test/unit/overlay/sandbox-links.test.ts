import assert from "node:assert/strict";
import { nextBridgeAddress } from "../../../src/overlay/bridge-addresses.ts";
import { CoalescedRun } from "../../../src/overlay/coalesced-run.ts";
import { hostNames } from "../../../src/overlay/names.ts";
import { observedNetwork } from "../../../src/overlay/observe.ts";
import { planIngressLink } from "../../../src/overlay/plan-ingress-link.ts";
import { planSandboxLinks } from "../../../src/overlay/sandbox-links.ts";

const names = hostNames("a1b2c3d4");

describe("planSandboxLinks", () => {
  const record = {
    containerId: "c",
    attachments: [{ networkId: "n1", address: "10.0.1.5" }],
    hostPorts: [],
    external: true,
    bridgeAddress: "172.18.0.2",
  };
  const networks = new Map([
    ["n1", { namespacePath: "/x/net-n1", subnet: "10.0.1.0/24", mtu: 1450 }],
  ]);
  const egress = { names, subnet: "172.18.0.0/16", mtu: 1500 };

  it("makes a link for each network, then the way out with the default route", () => {
    assert.deepEqual(planSandboxLinks(record, "/x/c", networks, egress), {
      hostLines: [
        "link add ska1b2c3e2t4y mtu 1500 type veth peer name eth1 mtu 1500 address 02:42:ac:12:00:02 netns /x/c",
        "link set ska1b2c3e2t4y master ska1b2c3br up",
        "link set ska1b2c3e2t4y type bridge_slave isolated on",
      ],
      lines: [
        "link set lo up",
        "link add eth0 mtu 1450 address 02:42:0a:00:01:05 type veth peer name p0a000105 mtu 1450 netns /x/net-n1",
        "addr add 10.0.1.5/24 dev eth0",
        "link set eth0 up",
        "addr add 172.18.0.2/16 dev eth1",
        "link set eth1 up",
        "route add default via 172.18.0.1 dev eth1",
      ],
    });
  });
  it("gives an internal sandbox no way out", () => {
    const plan = planSandboxLinks({ ...record, bridgeAddress: "" }, "/x/c", networks, egress);
    assert.deepEqual(plan.hostLines, []);
    assert.equal(
      plan.lines.some((line) => line.includes("route")),
      false,
    );
  });
  it("keeps names of links within 15 bytes", () => {
    const last = { ...record, bridgeAddress: "172.31.255.254" };
    const { hostLines } = planSandboxLinks(last, "/x/c", networks, egress);
    assert.ok((hostLines[0]?.split(" ")[2] ?? "").length <= 15);
  });
});

describe("nextBridgeAddress", () => {
  it("gives the lowest free address after the bridge's own", () => {
    assert.equal(nextBridgeAddress("172.18.0.0/16", []), "172.18.0.2");
    assert.equal(
      nextBridgeAddress("172.18.0.0/16", ["172.18.0.2", "", "172.18.0.4"]),
      "172.18.0.3",
    );
  });
  it("says when there is none", () => {
    assert.throws(() => nextBridgeAddress("172.18.0.0/30", ["172.18.0.2"]), {
      code: "RESOURCE_EXHAUSTED",
    });
  });
});

describe("planIngressLink", () => {
  const link = { address: "10.0.0.2/24", namespacePath: "/x/net-i", mtu: 1450 };
  const add = [
    "link add ska1b2c3in mtu 1450 address 02:42:0a:00:00:02 type veth peer name node mtu 1450 netns /x/net-i",
    "addr add 10.0.0.2/24 dev ska1b2c3in",
    "link set ska1b2c3in up",
  ];
  const cases = [
    { name: "makes it", given: [link, undefined], want: { lines: add, made: true } },
    { name: "keeps it", given: [link, link], want: { lines: [], made: false } },
    {
      name: "keeps the one found after a restart",
      given: [link, { ...link, namespacePath: "" }],
      want: { lines: [], made: false },
    },
    {
      name: "makes it anew with another address",
      given: [link, { ...link, address: "10.0.0.9/24" }],
      want: { lines: ["link del ska1b2c3in", ...add], made: true },
    },
    {
      name: "removes it",
      given: [undefined, link],
      want: { lines: ["link del ska1b2c3in"], made: false },
    },
    {
      name: "has nothing to remove",
      given: [undefined, undefined],
      want: { lines: [], made: false },
    },
  ] as const;
  for (const { name, given, want } of cases) {
    it(name, () => assert.deepEqual(planIngressLink(names, given[0], given[1]), want));
  }
});

describe("observedNetwork", () => {
  it("reads what the kernel's listings say", () => {
    const seen = observedNetwork(
      [
        { ifname: "br0", flags: ["UP"] },
        {
          ifname: "vxlan0",
          flags: ["UP"],
          mtu: 1450,
          master: "br0",
          linkinfo: { info_kind: "vxlan", info_data: { id: 7, local: "192.0.2.1", port: 4789 } },
        },
        { ifname: "p1", flags: ["UP"], master: "br0", linkinfo: { info_kind: "veth" } },
        { ifname: "p2", flags: ["UP"], linkinfo: { info_kind: "veth" } },
      ],
      [
        { mac: "m1", ifname: "vxlan0", dst: "192.0.2.2", flags: ["self"], state: "permanent" },
        { mac: "m1", ifname: "vxlan0", master: "br0", state: "static" },
        { mac: "m2", ifname: "p1", master: "br0", state: "permanent" },
      ],
      [{ dst: "10.0.0.6", dev: "vxlan0", lladdr: "m1", state: ["PERMANENT"] }],
    );
    assert.deepEqual(seen, {
      bridge: true,
      vxlan: { vni: 7, port: 4789, local: "192.0.2.1", mtu: 1450 },
      linked: true,
      ports: new Map([
        ["p1", { ready: true }],
        ["p2", { ready: false }],
      ]),
      forwarding: new Map([["m1", "192.0.2.2"]]),
      bridgeEntries: new Map([["m1", "vxlan0"]]),
      neighbours: new Map([["10.0.0.6", "m1"]]),
    });
  });
});

describe("CoalescedRun", () => {
  it("answers requests made during a run by one further run", async () => {
    let runs = 0;
    const releases: (() => void)[] = [];
    const run = new CoalescedRun(async () => {
      runs += 1;
      await new Promise<void>((resolve) => releases.push(resolve));
    });
    const first = run.request();
    await Promise.resolve();
    const others = [run.request(), run.request(), run.request()];
    assert.equal(runs, 1);
    releases[0]?.();
    await first;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(runs, 2);
    releases[1]?.();
    await Promise.all(others);
    assert.equal(runs, 2);
  });
  it("goes on after a failure", async () => {
    let fail = true;
    const run = new CoalescedRun(async () => {
      if (fail) throw new Error("no");
    });
    await assert.rejects(run.request(), /no/);
    fail = false;
    await run.request();
  });
});
