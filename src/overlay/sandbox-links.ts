import { addressOf, macOf, parseSubnet } from "../base/ip.ts";
import { bridgeGateway } from "./bridge-addresses.ts";
import { egressPort, type HostNames, networkPort } from "./names.ts";
import type { SandboxRecord } from "./network-state.ts";
import { withPrefix } from "./plan-network.ts";

/** What a sandbox's links need to know of a network. */
export interface SandboxNetwork {
  readonly namespacePath: string;
  readonly subnet: string;
  readonly mtu: number;
}

export interface SandboxLinks {
  /** For `ip -batch` in the host's namespace, first. */
  readonly hostLines: readonly string[];
  /** For `ip -batch` in the sandbox's namespace. */
  readonly lines: readonly string[];
}

/**
 * Pure: the links of a sandbox: eth0, eth1, … one for each attachment in order, then one to the egress
 * bridge, which also carries the default route.
 */
export function planSandboxLinks(
  record: SandboxRecord,
  namespacePath: string,
  networks: ReadonlyMap<string, SandboxNetwork>,
  egress: { readonly names: HostNames; readonly subnet: string; readonly mtu: number },
): SandboxLinks {
  const hostLines: string[] = [];
  const lines = ["link set lo up"];
  record.attachments.forEach(({ networkId, address }, index) => {
    const network = networks.get(networkId);
    if (network === undefined) return;
    lines.push(...planNetworkLink(`eth${index}`, address, network));
  });
  if (record.bridgeAddress !== "") {
    const name = `eth${record.attachments.length}`;
    const port = egressPort(egress.names, record.bridgeAddress);
    const mac = macOf(record.bridgeAddress);
    hostLines.push(
      `link add ${port} mtu ${egress.mtu} type veth peer name ${name} mtu ${egress.mtu} address ${mac} netns ${namespacePath}`,
      `link set ${port} master ${egress.names.bridge} up`,
      // Sandboxes meet on their networks only, never on the way out.
      `link set ${port} type bridge_slave isolated on`,
    );
    lines.push(
      `addr add ${addressOf(record.bridgeAddress)}/${parseSubnet(egress.subnet).prefix} dev ${name}`,
      `link set ${name} up`,
      `route add default via ${bridgeGateway(egress.subnet)} dev ${name}`,
    );
  }
  return { hostLines, lines };
}

/** Pure: a link into a network, for `ip -batch` in the sandbox's namespace. */
export function planNetworkLink(
  link: string,
  address: string,
  { namespacePath, subnet, mtu }: SandboxNetwork,
): readonly string[] {
  return [
    `link add ${link} mtu ${mtu} address ${macOf(address)} type veth ` +
      `peer name ${networkPort(address)} mtu ${mtu} netns ${namespacePath}`,
    `addr add ${withPrefix(address, subnet)} dev ${link}`,
    `link set ${link} up`,
  ];
}
