import { addressOf, macOf, parseSubnet } from "../base/ip.ts";
import { networkBridge, networkPort, networkVxlan, nodePort } from "./names.ts";
import type { NetworkState, OverlayNetwork, SandboxRecord } from "./network-state.ts";

/** What a network's namespace shall hold. */
export interface WantedNetwork {
  readonly vxlan: VxlanSettings;
  /** Ports of the bridge: their name, and the MAC address behind each. */
  readonly ports: ReadonlyMap<string, string>;
  /** Endpoints on other nodes: address to the node's data path address. */
  readonly remotes: ReadonlyMap<string, string>;
}

export interface VxlanSettings {
  readonly vni: number;
  readonly port: number;
  readonly local: string;
  readonly mtu: number;
}

/** What it holds. */
export interface ObservedNetwork {
  readonly bridge: boolean;
  readonly vxlan: VxlanSettings | undefined;
  /** Whether the VXLAN device is up and a port of the bridge, and the bridge is up. */
  readonly linked: boolean;
  /** Bridge ports that exist, and whether each is up and on the bridge. */
  readonly ports: ReadonlyMap<string, { readonly ready: boolean }>;
  /** Permanent entries, MAC address to remote node. */
  readonly forwarding: ReadonlyMap<string, string>;
  /** Permanent entries of the bridge: MAC address to port. */
  readonly bridgeEntries: ReadonlyMap<string, string>;
  /** Permanent entries: address to MAC address. */
  readonly neighbours: ReadonlyMap<string, string>;
}

/** A namespace in which nothing has been made yet. */
export const emptyObservedNetwork: ObservedNetwork = {
  bridge: false,
  vxlan: undefined,
  linked: false,
  ports: new Map(),
  forwarding: new Map(),
  bridgeEntries: new Map(),
  neighbours: new Map(),
};

/** Lines for `ip -batch` and `bridge -batch`, in the order of the fields. */
export interface NetworkPlan {
  /** In the host's namespace, so that the outer packets stay there. */
  readonly hostIpLines: readonly string[];
  readonly ipLines: readonly string[];
  readonly bridgeLines: readonly string[];
  /** Ports that should be there and are not: their owners have lost the network. */
  readonly lostPorts: readonly string[];
}

/** Pure: the ends of what `wanted` says and `observed` shows; nothing to do gives no lines. */
export function planNetwork(
  namespacePath: string,
  wanted: WantedNetwork,
  observed: ObservedNetwork,
): NetworkPlan {
  const { vxlan } = wanted;
  const hostIpLines: string[] = [];
  const ipLines: string[] = [];
  const fresh = !sameVxlan(vxlan, observed.vxlan);
  if (fresh) {
    if (observed.vxlan !== undefined) ipLines.push(`link del ${networkVxlan}`);
    hostIpLines.push(
      `link add ${networkVxlan} netns ${namespacePath} mtu ${vxlan.mtu} type vxlan id ${vxlan.vni} ` +
        `dstport ${vxlan.port} local ${vxlan.local} nolearning proxy`,
    );
  }
  if (!observed.bridge) ipLines.push(`link add ${networkBridge} type bridge mcast_snooping 0`);
  const linkLines = fresh || !observed.linked ? bridgeLinkLines(vxlan.mtu) : [];
  const portLines = [...wanted.ports.keys()]
    .filter((port) => observed.ports.get(port)?.ready === false)
    .map((port) => `link set ${port} master ${networkBridge} up`);
  const forwarding = fresh ? emptyObservedNetwork.forwarding : observed.forwarding;
  const neighbours = fresh ? emptyObservedNetwork.neighbours : observed.neighbours;
  return {
    hostIpLines,
    ipLines: [...ipLines, ...linkLines, ...portLines, ...neighbourLines(wanted, neighbours)],
    bridgeLines: [
      ...forwardingLines(wanted, forwarding),
      ...bridgeEntryLines(wanted, observed, fresh),
    ],
    lostPorts: [...wanted.ports.keys()].filter((port) => !observed.ports.has(port)),
  };
}

/** Pure: what an applied plan leaves, so that the next plan need not ask the kernel. */
export function expectedNetwork(wanted: WantedNetwork, before: ObservedNetwork): ObservedNetwork {
  const ports = [...before.ports.keys()].filter((port) => wanted.ports.has(port));
  return {
    bridge: true,
    vxlan: wanted.vxlan,
    linked: true,
    ports: new Map([...ports].map((port) => [port, { ready: true }])),
    forwarding: new Map([...wanted.remotes].map(([ip, via]) => [macOf(ip), via])),
    bridgeEntries: new Map(
      [...wantedBridgeEntries(wanted)].filter(
        ([, port]) => port === networkVxlan || before.ports.has(port),
      ),
    ),
    neighbours: new Map([...wanted.remotes.keys()].map((ip) => [ip, macOf(ip)])),
  };
}

/** Pure: what `network` needs on this node. */
export function wantedNetwork(
  network: OverlayNetwork,
  state: NetworkState,
  sandboxes: readonly SandboxRecord[],
  outer: { readonly local: string; readonly mtu: number },
): WantedNetwork {
  const ports = new Map<string, string>();
  for (const { attachments } of sandboxes) {
    for (const { networkId, address } of attachments) {
      if (networkId === network.id) ports.set(networkPort(address), macOf(address));
    }
  }
  if (network.ingress && network.nodeAddress !== "")
    ports.set(nodePort, macOf(network.nodeAddress));
  const here = new Set(ports.values());
  const remotes = new Map<string, string>();
  for (const endpoint of state.endpoints) {
    if (endpoint.networkId !== network.id || endpoint.local) continue;
    if (endpoint.dataPathAddress === "" || endpoint.dataPathAddress === outer.local) continue;
    // An address that has just moved here is ours, whatever the others still say.
    if (here.has(macOf(endpoint.address))) continue;
    remotes.set(addressOf(endpoint.address), endpoint.dataPathAddress);
  }
  return {
    vxlan: {
      vni: network.vni,
      port: network.vxlanPort,
      local: outer.local,
      mtu: innerMtu(network, outer.mtu),
    },
    ports,
    remotes,
  };
}

/** The MTU inside the network: VXLAN over IPv4 takes 50 bytes. */
export function innerMtu(network: OverlayNetwork, outerMtu: number): number {
  return Math.min(network.mtu ?? Number.POSITIVE_INFINITY, outerMtu - 50);
}

/** `address` with the network's prefix, whether it has one already or not. */
export function withPrefix(address: string, subnet: string): string {
  return address.includes("/") ? address : `${address}/${parseSubnet(subnet).prefix}`;
}

function sameVxlan(a: VxlanSettings, b: VxlanSettings | undefined): boolean {
  return (
    b !== undefined &&
    a.vni === b.vni &&
    a.port === b.port &&
    a.local === b.local &&
    a.mtu === b.mtu
  );
}

function bridgeLinkLines(mtu: number): string[] {
  return [
    "link set lo up",
    `link set ${networkBridge} mtu ${mtu} up`,
    // All endpoints are known: what the bridge would learn from the outside could only be wrong.
    `link set ${networkVxlan} master ${networkBridge}`,
    `link set ${networkVxlan} type bridge_slave learning off`,
    `link set ${networkVxlan} up`,
  ];
}

function neighbourLines(
  wanted: WantedNetwork,
  observed: ReadonlyMap<string, string>,
): readonly string[] {
  const lines: string[] = [];
  for (const ip of observed.keys()) {
    if (!wanted.remotes.has(ip)) lines.push(`neigh del ${ip} dev ${networkVxlan}`);
  }
  for (const ip of wanted.remotes.keys()) {
    const mac = macOf(ip);
    if (observed.get(ip) !== mac) {
      lines.push(`neigh replace ${ip} lladdr ${mac} dev ${networkVxlan} nud permanent`);
    }
  }
  return lines;
}

function forwardingLines(
  wanted: WantedNetwork,
  observed: ReadonlyMap<string, string>,
): readonly string[] {
  const lines: string[] = [];
  const wantedEntries = new Map([...wanted.remotes].map(([ip, via]) => [macOf(ip), via]));
  for (const mac of observed.keys()) {
    if (!wantedEntries.has(mac)) lines.push(`fdb del ${mac} dev ${networkVxlan} self`);
  }
  for (const [mac, via] of wantedEntries) {
    if (observed.get(mac) !== via) {
      lines.push(`fdb replace ${mac} dev ${networkVxlan} self permanent dst ${via}`);
    }
  }
  return lines;
}

function bridgeEntryLines(
  wanted: WantedNetwork,
  observed: ObservedNetwork,
  fresh: boolean,
): readonly string[] {
  const lines: string[] = [];
  const entries = wantedBridgeEntries(wanted);
  for (const [mac, port] of observed.bridgeEntries) {
    // Entries of a device or port that has gone went with it, and a port nobody wants is just going.
    const gone =
      port === networkVxlan ? fresh : !observed.ports.has(port) || !wanted.ports.has(port);
    if (!gone && entries.get(mac) !== port) lines.push(`fdb del ${mac} dev ${port} master`);
  }
  for (const [mac, port] of entries) {
    const lost = port !== networkVxlan && !observed.ports.has(port);
    const kept = observed.bridgeEntries.get(mac) === port && !(fresh && port === networkVxlan);
    if (!lost && !kept) lines.push(`fdb replace ${mac} dev ${port} master static`);
  }
  return lines;
}

function wantedBridgeEntries(wanted: WantedNetwork): Map<string, string> {
  const entries = new Map<string, string>();
  for (const ip of wanted.remotes.keys()) entries.set(macOf(ip), networkVxlan);
  for (const [port, mac] of wanted.ports) entries.set(mac, port);
  return entries;
}
