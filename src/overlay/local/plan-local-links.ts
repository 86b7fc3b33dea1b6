import { macOf, parseSubnet } from "../../base/ip.ts";
import { readBridgeOptions } from "./bridge-options.ts";
import type { LocalEndpoint, LocalNetwork } from "./local-network.ts";

/** Lines for `ip -batch`. */
export interface EndpointLines {
  /** In the host's namespace, first: the link itself. */
  readonly hostLines: readonly string[];
  /** There too, then: its end on the bridge. */
  readonly portLines: readonly string[];
  /** In the sandbox's namespace. */
  readonly lines: readonly string[];
}

/** Pure: a network's bridge, made anew or brought to what it shall be. */
export function planBridge(network: LocalNetwork, exists: boolean): readonly string[] {
  const { bridge, subnet, gateway, options } = network;
  const { mtu } = readBridgeOptions(options);
  return [
    ...(exists ? [] : [`link add ${bridge} type bridge mcast_snooping 0`]),
    `addr replace ${gateway}/${parseSubnet(subnet).prefix} dev ${bridge}`,
    // An address of its own: else it has that of some port, and whoever knows it is lost when that port goes.
    `link set ${bridge} address ${macOf(gateway)} mtu ${mtu} up`,
  ];
}

/** Pure: the link of an endpoint into its sandbox. */
export function planEndpoint(
  endpoint: LocalEndpoint,
  network: LocalNetwork,
  namespacePath: string,
): EndpointLines {
  const { port, link, mac, address } = endpoint;
  const { mtu, containersMeet } = readBridgeOptions(network.options);
  return {
    hostLines: [
      `link add ${port} mtu ${mtu} type veth peer name ${link} mtu ${mtu} address ${mac} netns ${namespacePath}`,
    ],
    portLines: [
      `link set ${port} master ${network.bridge} up`,
      // Hairpin: a container may reach itself by a port it has published.
      `link set ${port} type bridge_slave hairpin on${containersMeet ? "" : " isolated on"}`,
    ],
    lines: [
      `addr add ${address}/${parseSubnet(network.subnet).prefix} brd + dev ${link}`,
      `link set ${link} up`,
    ],
  };
}

/** Pure: the default route of a sandbox; none without a gateway, for which deleting what is not there is no error. */
export function planDefaultRoute(
  gateway: { readonly endpoint: LocalEndpoint; readonly network: LocalNetwork } | undefined,
): readonly string[] {
  if (gateway === undefined) return [];
  return [`route replace default via ${gateway.network.gateway} dev ${gateway.endpoint.link}`];
}
