import { ClusterError } from "../../base/errors.ts";
import {
  formatSubnet,
  ipToNumber,
  numberToIp,
  parseSubnet,
  type Subnet,
  subnetContains,
  subnetsOverlap,
} from "../../base/ip.ts";
import type { LocalNetwork } from "./local-network.ts";

/** Subnets of one size that networks get when nobody names theirs. */
export interface AddressPool {
  readonly base: Subnet;
  /** Prefix length of each subnet. */
  readonly prefix: number;
}

const subnetsTriedMax = 65_536;

/** Docker's own pools (dockerd reference, --default-address-pool). */
export const defaultAddressPools: readonly AddressPool[] = [
  ...[17, 18, 19].map((byte) => poolOf(`172.${byte}.0.0/16`, 16)),
  poolOf("172.20.0.0/14", 16),
  poolOf("172.24.0.0/14", 16),
  poolOf("172.28.0.0/14", 16),
  poolOf("192.168.0.0/16", 20),
];

/** Reads "base=172.80.0.0/16,size=24". INVALID_ARGUMENT names what is wrong. */
export function parseAddressPool(text: string): AddressPool {
  const fields = new Map(
    text.split(",").map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, Math.max(at, 0)).trim().toLowerCase(), part.slice(at + 1).trim()];
    }),
  );
  const unknown = [...fields.keys()].find((key) => key !== "base" && key !== "size");
  const [base = "", size = ""] = [fields.get("base"), fields.get("size")];
  if (unknown !== undefined || base === "" || !/^\d{1,2}$/.test(size)) {
    throw wrongPool(text, "base=172.80.0.0/16,size=24 is how a pool is written");
  }
  const subnet = parseSubnet(base);
  if (Number(size) < subnet.prefix || Number(size) > 29) {
    throw wrongPool(text, `size is from ${subnet.prefix} (all of the base) to 29`);
  }
  return { base: subnet, prefix: Number(size) };
}

/** Pure: the first subnet of the pools that overlaps none of `taken`. RESOURCE_EXHAUSTED when there is none. */
export function nextSubnet(pools: readonly AddressPool[], taken: readonly Subnet[]): string {
  for (const { base, prefix } of pools) {
    const size = 2 ** (32 - prefix);
    let tried = 0;
    let at = base.base;
    while (at + size <= base.base + base.size && tried < subnetsTriedMax) {
      const subnet = { base: at, prefix, size };
      const clash = taken.find((other) => subnetsOverlap(subnet, other));
      if (clash === undefined) return formatSubnet(subnet);
      // On to the first subnet behind the one in the way.
      at = Math.max(at + size, Math.ceil((clash.base + clash.size) / size) * size);
      tried += 1;
    }
  }
  throw new ClusterError(
    "RESOURCE_EXHAUSTED",
    "all predefined address pools have been fully subnetted: " +
      "name a --subnet, or give the daemon another --default-address-pool",
  );
}

/** Pure: the network's lowest free address. RESOURCE_EXHAUSTED when there is none. */
export function nextAddress(network: LocalNetwork, used: ReadonlySet<string>): string {
  const subnet = parseSubnet(network.subnet);
  const range = network.ipRange === "" ? subnet : parseSubnet(network.ipRange);
  const held = heldAddresses(network);
  const first = Math.max(range.base, subnet.base + 1);
  const last = Math.min(range.base + range.size, subnet.base + subnet.size - 1);
  for (let value = first; value < last; value += 1) {
    const ip = numberToIp(value);
    if (!used.has(ip) && !held.has(ip)) return ip;
  }
  throw new ClusterError(
    "RESOURCE_EXHAUSTED",
    `no available IPv4 addresses on network ${network.name} (${network.ipRange || network.subnet})`,
  );
}

/** Pure: `address` when a container may have it. INVALID_ARGUMENT outside the subnet; FAILED_PRECONDITION when it is taken. */
export function wantedAddress(
  network: LocalNetwork,
  address: string,
  used: ReadonlySet<string>,
): string {
  const subnet = parseSubnet(network.subnet);
  const value = ipToNumber(address);
  const usable = value > subnet.base && value < subnet.base + subnet.size - 1;
  if (!subnetContains(subnet, address) || !usable) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `invalid endpoint settings: no configured subnet contains IP address ${address} (network ${network.name} has ${network.subnet})`,
    );
  }
  if (used.has(address) || heldAddresses(network).has(address)) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `Address already in use: ${address} on network ${network.name}`,
    );
  }
  return address;
}

function heldAddresses({ gateway, reserved }: LocalNetwork): ReadonlySet<string> {
  return new Set([gateway, ...Object.values(reserved)]);
}

function poolOf(base: string, prefix: number): AddressPool {
  return { base: parseSubnet(base), prefix };
}

function wrongPool(text: string, reason: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `invalid default address pool "${text}": ${reason}`);
}
