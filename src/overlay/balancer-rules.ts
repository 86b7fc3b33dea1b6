import { addressOf } from "../base/ip.ts";
import { sandboxTable } from "./names.ts";
import type { Attachment, NetworkState } from "./network-state.ts";

/** One virtual IP and the addresses behind it, sorted. */
export interface VirtualIpBackends {
  readonly address: string;
  readonly backends: readonly string[];
}

/** Pure: addresses of serving endpoints by "network id/service id", each list sorted. */
export function servingBackends(state: NetworkState): ReadonlyMap<string, readonly string[]> {
  const backends = new Map<string, string[]>();
  for (const endpoint of state.endpoints) {
    if (!endpoint.serving || endpoint.taskId === "" || endpoint.serviceId === "") continue;
    const key = `${endpoint.networkId}/${endpoint.serviceId}`;
    const list = backends.get(key);
    if (list === undefined) backends.set(key, [addressOf(endpoint.address)]);
    else list.push(addressOf(endpoint.address));
  }
  for (const list of backends.values()) list.sort((a, b) => (a < b ? -1 : 1));
  return backends;
}

/** Pure: the virtual IPs that can be seen on each network, sorted by address. */
export function virtualIpsByNetwork(
  state: NetworkState,
): ReadonlyMap<string, readonly VirtualIpBackends[]> {
  const backends = servingBackends(state);
  const byNetwork = new Map<string, VirtualIpBackends[]>();
  for (const service of state.services) {
    for (const { networkId, address } of service.virtualIps) {
      if (address === "") continue;
      const list = byNetwork.get(networkId) ?? [];
      list.push({
        address: addressOf(address),
        backends: backends.get(`${networkId}/${service.id}`) ?? [],
      });
      byNetwork.set(networkId, list);
    }
  }
  for (const list of byNetwork.values()) list.sort((a, b) => (a.address < b.address ? -1 : 1));
  return byNetwork;
}

/**
 * Pure: the nftables transaction that makes a sandbox's balancer show `virtualIps`. Connections to a
 * virtual IP go to its backends in turn, whatever the protocol (also pings); without backends they
 * are refused at once. `turn` shifts who is first, so that many sandboxes do not all begin with the same one.
 */
export function planBalancer(
  attachments: readonly Attachment[],
  virtualIps: ReadonlyMap<string, readonly VirtualIpBackends[]>,
  turn: number,
): string {
  const seen = new Map<string, readonly string[]>();
  for (const { networkId } of attachments) {
    for (const { address, backends } of virtualIps.get(networkId) ?? []) {
      if (!seen.has(address)) seen.set(address, backends);
    }
  }
  const ready = [...seen].filter(([, backends]) => backends.length > 0);
  const empty = [...seen].filter(([, backends]) => backends.length === 0).map(([ip]) => ip);
  return replaceTable(sandboxTable, [
    ...ready.flatMap(([ip, backends]) =>
      chain(chainOf(ip), [`dnat ip to ${inTurn(rotate(backends, turn))}`]),
    ),
    ...chain("balance", [
      "type nat hook output priority -100; policy accept;",
      ...(ready.length === 0
        ? []
        : [`ip daddr vmap { ${ready.map(([ip]) => `${ip} : goto ${chainOf(ip)}`).join(", ")} }`]),
    ]),
    ...chain("refuse", [
      "type filter hook output priority 0; policy accept;",
      ...(empty.length === 0
        ? []
        : [
            `meta l4proto tcp ip daddr { ${empty.join(", ")} } reject with tcp reset`,
            `ip daddr { ${empty.join(", ")} } reject with icmp type host-unreachable`,
          ]),
    ]),
  ]);
}

/** Pure: one transaction that replaces a whole table; nobody ever sees half of it. */
export function replaceTable(name: string, lines: readonly string[]): string {
  return [
    `table ip ${name} {`,
    "}",
    `delete table ip ${name}`,
    `table ip ${name} {`,
    ...lines,
    "}",
    "",
  ].join("\n");
}

/** Pure: the lines of one chain. */
export function chain(name: string, rules: readonly string[]): string[] {
  return [`  chain ${name} {`, ...rules.map((rule) => `    ${rule}`), "  }"];
}

/** Pure: the expression that picks each of `values` ("ip" or "ip . port") in turn. */
export function inTurn(values: readonly string[]): string {
  // A map's value is a concatenation; a single one has a notation of its own.
  if (values.length === 1) return (values[0] ?? "").replace(" . ", ":");
  const entries = values.map((value, index) => `${index} : ${value}`).join(", ");
  return `numgen inc mod ${values.length} map { ${entries} }`;
}

/** Pure: `values` beginning with the one at `turn`. */
export function rotate<T>(values: readonly T[], turn: number): readonly T[] {
  const start = values.length === 0 ? 0 : turn % values.length;
  return [...values.slice(start), ...values.slice(0, start)];
}

function chainOf(ip: string): string {
  return `vip_${ip.replaceAll(".", "_")}`;
}
