import assert from "node:assert/strict";
import fc from "fast-check";
import { emptyNetworkState, type NetworkState } from "../../../src/overlay/network-state.ts";
import {
  emptyObservedNetwork,
  expectedNetwork,
  innerMtu,
  type ObservedNetwork,
  planNetwork,
  type WantedNetwork,
  wantedNetwork,
} from "../../../src/overlay/plan-network.ts";

const path = "/run/skep/netns/net-n1";
const vxlan = { vni: 4097, port: 4789, local: "192.0.2.1", mtu: 1450 };
const wanted: WantedNetwork = {
  vxlan,
  ports: new Map([["p0a000105", "02:42:0a:00:01:05"]]),
  remotes: new Map([["10.0.1.6", "192.0.2.2"]]),
};
const portThere: ObservedNetwork["ports"] = new Map([["p0a000105", { ready: false }]]);
const settled = expectedNetwork(wanted, { ...emptyObservedNetwork, ports: portThere });
const hostLine =
  "link add vxlan0 netns /run/skep/netns/net-n1 mtu 1450 type vxlan id 4097 dstport 4789 local 192.0.2.1 nolearning proxy";
const linkLines = [
  "link set lo up",
  "link set br0 mtu 1450 up",
  "link set vxlan0 master br0",
  "link set vxlan0 type bridge_slave learning off",
  "link set vxlan0 up",
];
const nothing = { hostIpLines: [], ipLines: [], bridgeLines: [], lostPorts: [] };

describe("planNetwork", () => {
  const cases: {
    name: string;
    given: { wanted?: WantedNetwork; observed: ObservedNetwork };
    want: ReturnType<typeof planNetwork>;
  }[] = [
    {
      name: "makes everything in an empty namespace",
      given: { observed: { ...emptyObservedNetwork, ports: portThere } },
      want: {
        hostIpLines: [hostLine],
        ipLines: [
          "link add br0 type bridge mcast_snooping 0",
          ...linkLines,
          "link set p0a000105 master br0 up",
          "neigh replace 10.0.1.6 lladdr 02:42:0a:00:01:06 dev vxlan0 nud permanent",
        ],
        bridgeLines: [
          "fdb replace 02:42:0a:00:01:06 dev vxlan0 self permanent dst 192.0.2.2",
          "fdb replace 02:42:0a:00:01:06 dev vxlan0 master static",
          "fdb replace 02:42:0a:00:01:05 dev p0a000105 master static",
        ],
        lostPorts: [],
      },
    },
    { name: "does nothing when all is there", given: { observed: settled }, want: nothing },
    {
      name: "names a port that is gone",
      given: {
        observed: {
          ...settled,
          ports: new Map(),
          bridgeEntries: new Map([["02:42:0a:00:01:06", "vxlan0"]]),
        },
      },
      want: { ...nothing, lostPorts: ["p0a000105"] },
    },
    {
      name: "makes the VXLAN device anew when the node's address changes",
      given: { observed: { ...settled, vxlan: { ...vxlan, local: "192.0.2.9" } } },
      want: {
        hostIpLines: [hostLine],
        ipLines: [
          "link del vxlan0",
          ...linkLines,
          "neigh replace 10.0.1.6 lladdr 02:42:0a:00:01:06 dev vxlan0 nud permanent",
        ],
        bridgeLines: [
          "fdb replace 02:42:0a:00:01:06 dev vxlan0 self permanent dst 192.0.2.2",
          "fdb replace 02:42:0a:00:01:06 dev vxlan0 master static",
        ],
        lostPorts: [],
      },
    },
    {
      name: "lets a remote endpoint that has gone go",
      given: { wanted: { ...wanted, remotes: new Map() }, observed: settled },
      want: {
        ...nothing,
        ipLines: ["neigh del 10.0.1.6 dev vxlan0"],
        bridgeLines: [
          "fdb del 02:42:0a:00:01:06 dev vxlan0 self",
          "fdb del 02:42:0a:00:01:06 dev vxlan0 master",
        ],
      },
    },
    {
      name: "follows an endpoint to another node",
      given: {
        wanted: { ...wanted, remotes: new Map([["10.0.1.6", "192.0.2.3"]]) },
        observed: settled,
      },
      want: {
        ...nothing,
        bridgeLines: ["fdb replace 02:42:0a:00:01:06 dev vxlan0 self permanent dst 192.0.2.3"],
      },
    },
    {
      name: "puts a port back on the bridge",
      given: { observed: { ...settled, ports: portThere } },
      want: { ...nothing, ipLines: ["link set p0a000105 master br0 up"] },
    },
  ];
  for (const { name, given, want } of cases) {
    it(name, () => {
      assert.deepEqual(planNetwork(path, given.wanted ?? wanted, given.observed), want);
    });
  }

  it("wants nothing more once a plan is carried out", () => {
    const addresses = fc.uniqueArray(fc.integer({ min: 1, max: 254 }), { maxLength: 8 });
    const anyWanted = fc.tuple(addresses, fc.integer({ min: 1, max: 3 })).map(
      ([bytes, node]): WantedNetwork => ({
        vxlan,
        ports: new Map(),
        remotes: new Map(bytes.map((byte) => [`10.0.1.${byte}`, `192.0.2.${node + 1}`])),
      }),
    );
    fc.assert(
      fc.property(anyWanted, anyWanted, (before, after) => {
        const observed = expectedNetwork(before, emptyObservedNetwork);
        const done = expectedNetwork(after, observed);
        assert.deepEqual(planNetwork(path, after, done), nothing);
      }),
    );
  });
});

describe("wantedNetwork", () => {
  const network = {
    id: "n1",
    name: "web",
    vni: 4097,
    subnet: "10.0.1.0/24",
    gateway: "10.0.1.1",
    internal: false,
    ingress: false,
    vxlanPort: 4789,
    nodeAddress: "",
  };
  const endpoint = {
    id: "e",
    networkId: "n1",
    taskId: "t",
    serviceId: "s",
    address: "10.0.1.6/24",
    dataPathAddress: "192.0.2.2",
    serving: false,
    local: false,
  };
  const outer = { local: "192.0.2.1", mtu: 1500 };
  const state = (...endpoints: NetworkState["endpoints"]): NetworkState => ({
    ...emptyNetworkState,
    networks: [network],
    endpoints,
  });
  const sandbox = {
    containerId: "c",
    attachments: [{ networkId: "n1", address: "10.0.1.6/24" }],
    hostPorts: [],
    external: true,
    bridgeAddress: "",
  };

  it("knows remote endpoints before they serve", () => {
    const { remotes } = wantedNetwork(network, state(endpoint), [], outer);
    assert.deepEqual([...remotes], [["10.0.1.6", "192.0.2.2"]]);
  });
  it("leaves out local ones, other networks' and those whose node is not known", () => {
    const given = state(
      { ...endpoint, local: true },
      { ...endpoint, networkId: "n2" },
      { ...endpoint, dataPathAddress: "" },
    );
    assert.equal(wantedNetwork(network, given, [], outer).remotes.size, 0);
  });
  it("believes a sandbox of this node more than an endpoint of another", () => {
    const { ports, remotes } = wantedNetwork(network, state(endpoint), [sandbox], outer);
    assert.deepEqual([...ports], [["p0a000106", "02:42:0a:00:01:06"]]);
    assert.equal(remotes.size, 0);
  });
  it("gives the node its port on the ingress network", () => {
    const ingress = { ...network, ingress: true, nodeAddress: "10.0.1.2/24" };
    const { ports } = wantedNetwork(ingress, state(), [], outer);
    assert.deepEqual([...ports], [["node", "02:42:0a:00:01:02"]]);
  });
  it("takes 50 bytes for VXLAN, or less when asked", () => {
    assert.equal(innerMtu(network, 1500), 1450);
    assert.equal(innerMtu({ ...network, mtu: 1400 }, 1500), 1400);
    assert.equal(innerMtu({ ...network, mtu: 9000 }, 1500), 1450);
  });
});
