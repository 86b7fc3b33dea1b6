import { isClusterError } from "../../base/errors.ts";
import {
  formatSubnet,
  numberToIp,
  parseSubnet,
  type Subnet,
  subnetsOverlap,
} from "../../base/ip.ts";
import type { Cluster } from "../../gen/skep/Cluster.ts";
import type { IpamConfig } from "../../gen/skep/IpamConfig.ts";
import type { Network } from "../../gen/skep/Network.ts";
import { defaultAddressPools, defaultSubnetSize } from "../../model/defaults.ts";
import type { Ledger } from "./ledger.ts";

const vniOption = "com.docker.network.driver.overlay.vxlanid_list";

/** What an attempt to give something came to. */
export type Outcome<T> = { readonly given: T } | { readonly refused: string };

/** Whether members of the network get addresses from us; others (`host`, `bridge`) are each node's own affair. */
export function isOverlay(network: Network): boolean {
  const name = network.spec?.driver?.name ?? "";
  return name === "" || name === "overlay";
}

/** The network has all that it needs from the allocator. */
export function isAllocated(network: Network): boolean {
  return network.vni !== 0 && (network.ipam?.configs[0]?.subnet ?? "") !== "";
}

/**
 * Gives an overlay network its subnet (the one asked for, or the next free piece of the cluster's pools), gateway (the first address
 * unless asked otherwise) and VXLAN identifier.
 */
export function allocateNetwork(
  network: Network,
  cluster: Pick<Cluster, "networkDefaults"> | undefined,
  ledger: Ledger,
): Outcome<Network> {
  const name = network.spec?.annotations?.name || network.id;
  try {
    const asked = network.spec?.ipam?.configs[0];
    const subnet =
      asked !== undefined && asked.subnet !== ""
        ? parseSubnet(asked.subnet)
        : freeSubnet(cluster, ledger);
    if (subnet === undefined) return { refused: "the address pools of the cluster are used up" };
    const other = overlapping(subnet, ledger);
    if (other !== undefined) {
      return { refused: `network ${name}: ${formatSubnet(subnet)} overlaps with network ${other}` };
    }
    const vni = ledger.takeVni(network.id, wishedVni(network));
    if (vni === undefined) return { refused: "all VXLAN identifiers are in use" };
    const config: IpamConfig = {
      subnet: formatSubnet(subnet),
      range: asked?.range ?? "",
      gateway: asked?.gateway || numberToIp(subnet.base + 1),
      reserved: asked?.reserved ?? {},
    };
    const driver = network.spec?.ipam?.driver ?? { name: "default", options: {} };
    const given = { ...network, vni, ipam: { driver, configs: [config] } };
    ledger.addNetwork(given);
    return { given };
  } catch (error) {
    ledger.removeNetwork(network.id);
    if (isClusterError(error, "INVALID_ARGUMENT")) {
      return { refused: `network ${name}: ${error.message}` };
    }
    throw error;
  }
}

/** The first piece of the pools that overlaps with no network. */
function freeSubnet(
  cluster: Pick<Cluster, "networkDefaults"> | undefined,
  ledger: Ledger,
): Subnet | undefined {
  const defaults = cluster?.networkDefaults;
  const pools = defaults?.addressPools.length ? defaults.addressPools : defaultAddressPools;
  const prefix = defaults?.subnetSize || defaultSubnetSize;
  const size = 2 ** (32 - prefix);
  const taken = [...ledger.pools()].map(([, pool]) => pool.subnet);
  for (const text of pools) {
    const pool = parseSubnet(text);
    let base = pool.base;
    while (base + size <= pool.base + pool.size) {
      const piece = { base, prefix, size };
      const blocking = taken.find((other) => subnetsOverlap(piece, other));
      if (blocking === undefined) return piece;
      // Go on behind whatever is in the way, however large it is.
      base = Math.ceil((blocking.base + blocking.size) / size) * size;
    }
  }
  return undefined;
}

function overlapping(subnet: Subnet, ledger: Ledger): string | undefined {
  for (const [id, pool] of ledger.pools()) if (subnetsOverlap(pool.subnet, subnet)) return id;
  return undefined;
}

function wishedVni(network: Network): number | undefined {
  const text = network.spec?.driver?.options[vniOption] ?? "";
  const vni = Number(text.split(",")[0]);
  return Number.isInteger(vni) && vni > 0 ? vni : undefined;
}
