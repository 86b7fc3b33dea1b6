import { networkBridge, networkVxlan } from "./names.ts";
import type { ObservedNetwork, VxlanSettings } from "./plan-network.ts";

/** The parts of `ip -j -d link show` that are read. */
export interface LinkInfo {
  readonly ifname: string;
  readonly flags?: readonly string[];
  readonly mtu?: number;
  readonly master?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: { readonly id?: number; readonly local?: string; readonly port?: number };
  };
}

/** The parts of `bridge -j fdb show` that are read. */
export interface ForwardingEntry {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly master?: string;
  readonly flags?: readonly string[];
  readonly state?: string;
}

/** The parts of `ip -j neigh show` that are read. */
export interface NeighbourEntry {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
}

/** Pure: what the listings of a network's namespace say. */
export function observedNetwork(
  links: readonly LinkInfo[],
  forwarding: readonly ForwardingEntry[],
  neighbours: readonly NeighbourEntry[],
): ObservedNetwork {
  const byName = new Map(links.map((link) => [link.ifname, link]));
  const vxlan = byName.get(networkVxlan);
  const ports = new Map<string, { ready: boolean }>();
  for (const link of links) {
    if (link.linkinfo?.info_kind !== "veth") continue;
    ports.set(link.ifname, { ready: isUp(link) && link.master === networkBridge });
  }
  const remote = new Map<string, string>();
  const entries = new Map<string, string>();
  for (const entry of forwarding) {
    if (entry.dst !== undefined && entry.ifname === networkVxlan) {
      remote.set(entry.mac, entry.dst);
    } else if (entry.master === networkBridge && entry.state === "static") {
      entries.set(entry.mac, entry.ifname);
    }
  }
  return {
    bridge: byName.has(networkBridge),
    vxlan: vxlanOf(vxlan),
    linked: isUp(byName.get(networkBridge)) && isUp(vxlan) && vxlan?.master === networkBridge,
    ports,
    forwarding: remote,
    bridgeEntries: entries,
    neighbours: new Map(
      neighbours
        .filter(({ dev, state }) => dev === networkVxlan && state?.includes("PERMANENT"))
        .map(({ dst, lladdr }) => [dst, lladdr ?? ""]),
    ),
  };
}

function vxlanOf(link: LinkInfo | undefined): VxlanSettings | undefined {
  const data = link?.linkinfo?.info_data;
  if (link === undefined || link.linkinfo?.info_kind !== "vxlan") return undefined;
  return {
    vni: data?.id ?? 0,
    port: data?.port ?? 0,
    local: data?.local ?? "",
    mtu: link.mtu ?? 0,
  };
}

function isUp(link: LinkInfo | undefined): boolean {
  return link?.flags?.includes("UP") === true;
}
