import { addressOf } from "../base/ip.ts";
import { chain, inTurn, replaceTable, rotate, servingBackends } from "./balancer-rules.ts";
import type { HostNames } from "./names.ts";
import type { NetworkState, PortProtocol, SandboxRecord } from "./network-state.ts";

/** Where connections to one port of the node go. */
export interface PublishedPort {
  readonly protocol: PortProtocol;
  readonly published: number;
  readonly mode: "ingress" | "host";
  /** "address . port" of each, in nftables' notation. Empty: refused. */
  readonly targets: readonly string[];
}

/**
 * Pure: the node's published ports. A host-mode port hides an ingress port of the same number; of two
 * services with the same ingress port the first by id has it.
 */
export function planPublishedPorts(
  state: NetworkState,
  sandboxes: readonly SandboxRecord[],
): readonly PublishedPort[] {
  const ports = new Map<string, PublishedPort>();
  for (const { bridgeAddress, hostPorts } of sandboxes) {
    if (bridgeAddress === "") continue;
    for (const { protocol, published, target } of hostPorts) {
      if (published === 0 || ports.has(`${protocol}/${published}`)) continue;
      const targets = [`${bridgeAddress} . ${target}`];
      ports.set(`${protocol}/${published}`, { protocol, published, mode: "host", targets });
    }
  }
  const ingress = state.networks.find((network) => network.ingress);
  if (ingress !== undefined && ingress.nodeAddress !== "") {
    const backends = servingBackends(state);
    for (const service of [...state.services].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      const addresses = backends.get(`${ingress.id}/${service.id}`) ?? [];
      for (const { protocol, published, target, mode } of service.ports) {
        const key = `${protocol}/${published}`;
        if (mode !== "ingress" || published === 0 || ports.has(key)) continue;
        const targets = addresses.map((address) => `${address} . ${target}`);
        ports.set(key, { protocol, published, mode, targets });
      }
    }
  }
  return [...ports.values()].sort((a, b) => (portKey(a) < portKey(b) ? -1 : 1));
}

export interface HostRulesInput {
  readonly names: HostNames;
  readonly bridgeSubnet: string;
  /** This node's address on the ingress network, "" when it has none. */
  readonly ingressAddress: string;
  readonly ports: readonly PublishedPort[];
  /** Shifts which backend is first. */
  readonly turn: number;
}

/**
 * Pure: the nftables transaction of the host's namespace: published ports (from outside, from the node
 * itself and from 127.0.0.1), masquerading, and the wall between sandboxes.
 */
export function planHostRules(input: HostRulesInput): string {
  const { names, bridgeSubnet, ports } = input;
  const open = ports.filter(({ targets }) => targets.length > 0);
  const ours = `{ "${names.bridge}", "${names.ingress}" }`;
  const publish =
    open.length === 0
      ? []
      : [
          `fib daddr type local meta l4proto . th dport vmap { ${open
            .map((port) => `${port.protocol} . ${port.published} : goto ${chainOf(port)}`)
            .join(", ")} }`,
        ];
  return replaceTable(names.table, [
    ...open.flatMap((port) =>
      chain(chainOf(port), [
        `meta l4proto ${port.protocol} dnat ip to ${destination(port.targets, input.turn)}`,
      ]),
    ),
    // Loopback addresses are routed on our links for the sake of replies (route_localnet): nothing may arrive with them.
    ...chain("guard", [
      "type filter hook prerouting priority -300; policy accept;",
      `iifname ${ours} ip daddr 127.0.0.0/8 drop`,
    ]),
    ...chain("publish", ["type nat hook prerouting priority -100; policy accept;", ...publish]),
    ...chain("publish_local", ["type nat hook output priority -100; policy accept;", ...publish]),
    ...chain("source", [
      "type nat hook postrouting priority 100; policy accept;",
      ...(input.ingressAddress === ""
        ? []
        : [`oifname "${names.ingress}" ct status dnat snat to ${addressOf(input.ingressAddress)}`]),
      `oifname "${names.bridge}" ip saddr { 127.0.0.0/8, ${bridgeSubnet} } ct status dnat masquerade`,
      `ip saddr ${bridgeSubnet} oifname != "${names.bridge}" masquerade`,
    ]),
    ...chain("wall", [
      "type filter hook forward priority 0; policy accept;",
      `iifname ${ours} ct state established,related accept`,
      `oifname ${ours} ct state established,related accept`,
      "ct status dnat accept",
      `oifname ${ours} drop`,
      `iifname "${names.ingress}" drop`,
    ]),
    ...chain("refuse", [
      "type filter hook input priority 0; policy accept;",
      ...ports
        .filter(({ targets }) => targets.length === 0)
        .map(({ protocol, published }) =>
          protocol === "tcp"
            ? `tcp dport ${published} fib daddr type local reject with tcp reset`
            : `${protocol} dport ${published} fib daddr type local reject`,
        ),
    ]),
  ]);
}

// A map's value is "address . port"; a single destination is written "address:port".
function destination(targets: readonly string[], turn: number): string {
  return targets.length === 1
    ? (targets[0] ?? "").replace(" . ", ":")
    : inTurn(rotate(targets, turn));
}

function portKey({ protocol, published }: PublishedPort): string {
  return `${protocol}/${String(published).padStart(5, "0")}`;
}

function chainOf({ protocol, published }: PublishedPort): string {
  return `port_${protocol}_${published}`;
}
