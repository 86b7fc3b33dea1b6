import { addressOf, ipToNumber } from "../base/ip.ts";

// Names of links are at most 15 bytes. Those in the host's namespace carry the instance, because
// several daemons and other programs share it; those in our own namespaces need not.

/** Bridge inside a network's namespace. */
export const networkBridge = "br0";
/** VXLAN device inside a network's namespace. */
export const networkVxlan = "vxlan0";
/** The node's own link inside the ingress network's namespace. */
export const nodePort = "node";
/** The nftables table in each sandbox's namespace. */
export const sandboxTable = "skep";

export interface HostNames {
  readonly bridge: string;
  /** The host's end of the link into the ingress network. */
  readonly ingress: string;
  readonly table: string;
  /** Of any link to a sandbox: starts with this. */
  readonly egressPrefix: string;
  /** Of the bridge of any local network whose name was ours to choose. */
  readonly localBridgePrefix: string;
  /** Of any link to a sandbox of local networks. */
  readonly localPortPrefix: string;
  /** The nftables table of local networks: they outlive the swarm. */
  readonly localTable: string;
}

/** Names in the host's namespace; only the instance's first six letters and digits count. */
export function hostNames(instance: string): HostNames {
  const prefix = `sk${instance.replace(/[^A-Za-z0-9]/g, "").slice(0, 6)}`;
  return {
    bridge: `${prefix}br`,
    ingress: `${prefix}in`,
    table: `skep_${prefix.slice(2)}`,
    egressPrefix: `${prefix}e`,
    localBridgePrefix: `${prefix}n`,
    localPortPrefix: `${prefix}v`,
    localTable: `skep_${prefix.slice(2)}_local`,
  };
}

/** The bridge's end of the link to the sandbox with this address on the egress bridge. */
export function egressPort(names: HostNames, bridgeAddress: string): string {
  // Unique: addresses are; short: only the lower 20 bits differ within a bridge's subnet.
  return `${names.egressPrefix}${(ipToNumber(bridgeAddress) & 0xfffff).toString(36)}`;
}

/** The bridge port, in the network's namespace, of the sandbox with this address. */
export function networkPort(address: string): string {
  return `p${ipToNumber(addressOf(address)).toString(16).padStart(8, "0")}`;
}
