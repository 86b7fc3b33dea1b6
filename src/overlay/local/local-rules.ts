import { chain, replaceTable } from "../balancer-rules.ts";
import type { HostNames } from "../names.ts";
import { readBridgeOptions } from "./bridge-options.ts";
import {
  type BoundPort,
  gatewayEndpoint,
  type LocalNetwork,
  type LocalSandbox,
} from "./local-network.ts";

/** Where connections to one published port go. */
interface Publication {
  readonly port: BoundPort;
  readonly address: string;
}

/**
 * Pure: the nftables transaction of the local networks in the host's namespace: published ports (from outside, from
 * the node itself and from 127.0.0.1), masquerading, and the walls between networks. A table of its own, because
 * these networks outlive the swarm's.
 */
export function planLocalRules(
  names: HostNames,
  networks: readonly LocalNetwork[],
  sandboxes: readonly LocalSandbox[],
): string {
  const bridges = networks.filter(({ bridge }) => bridge !== "");
  const byId = new Map(networks.map((network) => [network.id, network]));
  const publications = sandboxes.flatMap((sandbox): Publication[] => {
    const address = gatewayEndpoint(sandbox, byId)?.address;
    return address === undefined ? [] : sandbox.ports.map((port) => ({ port, address }));
  });
  const all = setOf(bridges);
  const closed = setOf(bridges.filter(({ internal }) => internal));
  const publish = publishRules(publications);
  return replaceTable(names.localTable, [
    ...chain("guard", [
      "type filter hook prerouting priority -300; policy accept;",
      // Loopback addresses are routed on our links for the sake of replies (route_localnet): nothing may arrive with them.
      ...(bridges.length === 0 ? [] : [`iifname ${all} ip daddr 127.0.0.0/8 drop`]),
    ]),
    // Before the swarm's: a port that a container was given hides an ingress port of the same number.
    ...chain("publish", [
      "type nat hook prerouting priority -101; policy accept;",
      // From outside nobody may reach what is published for the node itself.
      "ip daddr 127.0.0.0/8 return",
      ...publish,
    ]),
    ...chain("publish_local", ["type nat hook output priority -101; policy accept;", ...publish]),
    ...chain("source", [
      "type nat hook postrouting priority 100; policy accept;",
      ...bridges.flatMap(sourceRules),
    ]),
    ...chain("wall", [
      "type filter hook forward priority 0; policy accept;",
      ...bridges.map(({ bridge }) => `iifname "${bridge}" oifname "${bridge}" accept`),
      ...(closed === "" ? [] : [`iifname ${closed} drop`, `oifname ${closed} drop`]),
      ...(bridges.length === 0
        ? []
        : [
            `iifname ${all} ct state established,related accept`,
            `oifname ${all} ct state established,related accept`,
            `oifname ${all} ct status dnat accept`,
            `oifname ${all} drop`,
          ]),
    ]),
  ]);
}

function publishRules(publications: readonly Publication[]): string[] {
  return (["tcp", "udp"] as const).flatMap((protocol) => {
    const mine = publications.filter(({ port }) => port.protocol === protocol).sort(byPort);
    const [everywhere, somewhere] = [
      mine.filter(({ port }) => port.hostIp === "0.0.0.0"),
      mine.filter(({ port }) => port.hostIp !== "0.0.0.0"),
    ];
    const target = ({ address, port }: Publication) => `${address} . ${port.containerPort}`;
    return [
      ...(somewhere.length === 0
        ? []
        : [
            `meta l4proto ${protocol} dnat ip to ip daddr . ${protocol} dport map { ${somewhere
              .map((one) => `${one.port.hostIp} . ${one.port.hostPort} : ${target(one)}`)
              .join(", ")} }`,
          ]),
      ...(everywhere.length === 0
        ? []
        : [
            `meta l4proto ${protocol} fib daddr type local dnat ip to ${protocol} dport map { ${everywhere
              .map((one) => `${one.port.hostPort} : ${target(one)}`)
              .join(", ")} }`,
          ]),
    ];
  });
}

function sourceRules({ bridge, subnet, internal, options }: LocalNetwork): string[] {
  if (internal) return [];
  return [
    `oifname "${bridge}" ip saddr { 127.0.0.0/8, ${subnet} } ct status dnat masquerade`,
    ...(readBridgeOptions(options).masquerade
      ? [`ip saddr ${subnet} oifname != "${bridge}" masquerade`]
      : []),
  ];
}

function setOf(networks: readonly LocalNetwork[]): string {
  return networks.length === 0
    ? ""
    : `{ ${networks.map(({ bridge }) => `"${bridge}"`).join(", ")} }`;
}

function byPort(a: Publication, b: Publication): number {
  return a.port.hostPort - b.port.hostPort || (a.port.hostIp < b.port.hostIp ? -1 : 1);
}
