import assert from "node:assert/strict";
import { planBalancer, virtualIpsByNetwork } from "../../../src/overlay/balancer-rules.ts";
import { planHostRules, planPublishedPorts } from "../../../src/overlay/host-rules.ts";
import { hostNames } from "../../../src/overlay/names.ts";
import type { NetworkState, SandboxRecord } from "../../../src/overlay/network-state.ts";
import { stoppedBackends } from "../../../src/overlay/rebalance.ts";

const network = {
  id: "n1",
  name: "ingress",
  vni: 1,
  subnet: "10.0.0.0/24",
  gateway: "",
  internal: false,
  ingress: true,
  vxlanPort: 4789,
  nodeAddress: "10.0.0.2/24",
};

function state(...serving: boolean[]): NetworkState {
  return {
    networks: [network],
    endpoints: serving.map((serves, index) => ({
      id: `e${index}`,
      networkId: "n1",
      taskId: `t${index}`,
      serviceId: "s1",
      address: `10.0.0.${10 + index}/24`,
      dataPathAddress: "192.0.2.2",
      serving: serves,
      local: false,
    })),
    services: [
      {
        id: "s1",
        name: "web",
        virtualIps: [{ networkId: "n1", address: "10.0.0.5/24" }],
        ports: [{ protocol: "tcp", published: 8080, target: 80, mode: "ingress" }],
      },
    ],
  };
}

const attachments = [{ networkId: "n1", address: "10.0.0.20/24" }];
const balancer = (of: NetworkState, turn: number) =>
  planBalancer(attachments, virtualIpsByNetwork(of), turn).split("\n").slice(3);

describe("planBalancer", () => {
  it("replaces its table in one transaction", () => {
    const text = planBalancer(attachments, new Map(), 0);
    assert.ok(text.startsWith("table ip skep {\n}\ndelete table ip skep\ntable ip skep {\n"));
  });

  const cases: { name: string; given: { state: NetworkState; turn: number }; want: string[] }[] = [
    {
      name: "takes serving endpoints in turn, beginning where the sandbox's turn says",
      given: { state: state(true, false, true), turn: 1 },
      want: [
        "table ip skep {",
        "  chain vip_10_0_0_5 {",
        "    dnat ip to numgen inc mod 2 map { 0 : 10.0.0.12, 1 : 10.0.0.10 }",
        "  }",
        "  chain balance {",
        "    type nat hook output priority -100; policy accept;",
        "    ip daddr vmap { 10.0.0.5 : goto vip_10_0_0_5 }",
        "  }",
        "  chain refuse {",
        "    type filter hook output priority 0; policy accept;",
        "  }",
        "}",
        "",
      ],
    },
    {
      name: "refuses a virtual IP without backends",
      given: { state: state(false), turn: 0 },
      want: [
        "table ip skep {",
        "  chain balance {",
        "    type nat hook output priority -100; policy accept;",
        "  }",
        "  chain refuse {",
        "    type filter hook output priority 0; policy accept;",
        "    meta l4proto tcp ip daddr { 10.0.0.5 } reject with tcp reset",
        "    ip daddr { 10.0.0.5 } reject with icmp type host-unreachable",
        "  }",
        "}",
        "",
      ],
    },
  ];
  for (const { name, given, want } of cases) {
    it(name, () => assert.deepEqual(balancer(given.state, given.turn), want));
  }

  it("shows only the sandbox's own networks", () => {
    const text = planBalancer([], virtualIpsByNetwork(state(true)), 0);
    assert.equal(text.includes("10.0.0.5"), false);
  });
});

describe("planPublishedPorts", () => {
  const sandbox: SandboxRecord = {
    containerId: "c",
    attachments: [],
    hostPorts: [{ protocol: "tcp", published: 8080, target: 81 }],
    external: true,
    bridgeAddress: "172.18.0.2",
  };
  const ingress = { protocol: "tcp", published: 8080, mode: "ingress" } as const;
  const cases = [
    {
      name: "sends an ingress port to the serving endpoints",
      given: { state: state(true, false), sandboxes: [] },
      want: [{ ...ingress, targets: ["10.0.0.10 . 80"] }],
    },
    {
      name: "keeps a port without endpoints, to refuse it",
      given: { state: state(false), sandboxes: [] },
      want: [{ ...ingress, targets: [] }],
    },
    {
      name: "sends a host port to its sandbox, before an ingress port of that number",
      given: { state: state(true), sandboxes: [sandbox] },
      want: [{ protocol: "tcp", published: 8080, mode: "host", targets: ["172.18.0.2 . 81"] }],
    },
    {
      name: "publishes nothing through the mesh on a node without an address in it",
      given: {
        state: { ...state(true), networks: [{ ...network, nodeAddress: "" }] },
        sandboxes: [],
      },
      want: [],
    },
  ];
  for (const { name, given, want } of cases) {
    it(name, () => assert.deepEqual(planPublishedPorts(given.state, given.sandboxes), want));
  }
});

describe("planHostRules", () => {
  const names = hostNames("ab-12");
  const plan = (of: NetworkState) =>
    planHostRules({
      names,
      bridgeSubnet: "172.18.0.0/16",
      ingressAddress: "10.0.0.2/24",
      ports: planPublishedPorts(of, []),
      turn: 0,
    });

  it("publishes from outside and from the node itself", () => {
    const text = plan(state(true, true));
    const rule =
      "fib daddr type local meta l4proto . th dport vmap { tcp . 8080 : goto port_tcp_8080 }";
    assert.equal(text.split(rule).length, 3);
    assert.ok(
      text.includes(
        "meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 10.0.0.10 . 80, 1 : 10.0.0.11 . 80 }",
      ),
    );
    assert.ok(text.includes('oifname "skab12in" ct status dnat snat to 10.0.0.2'));
  });
  it("writes a single destination without a map", () => {
    assert.ok(plan(state(true)).includes("dnat ip to 10.0.0.10:80\n"));
  });
  it("refuses a port nobody serves", () => {
    const text = plan(state(false));
    assert.ok(text.includes("tcp dport 8080 fib daddr type local reject with tcp reset"));
    assert.equal(text.includes("vmap"), false);
  });
});

describe("stoppedBackends", () => {
  it("names the addresses that served and serve no longer", () => {
    assert.deepEqual(stoppedBackends(state(true, true), state(true, false)), ["10.0.0.11"]);
    assert.deepEqual(stoppedBackends(state(true, true), state(true)), ["10.0.0.11"]);
    assert.deepEqual(stoppedBackends(state(false), state(true)), []);
  });
});
