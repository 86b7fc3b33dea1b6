import { ClusterError } from "../../base/errors.ts";
import {
  formatSubnet,
  numberToIp,
  parseSubnet,
  type Subnet,
  subnetContains,
  subnetsOverlap,
} from "../../base/ip.ts";
import { type AddressPool, nextSubnet } from "./address-pool.ts";
import { readBridgeOptions } from "./bridge-options.ts";
import type { LocalNetwork, LocalNetworkRequest } from "./local-network.ts";

/** What a new network must not get in the way of. */
export interface Neighbourhood {
  readonly networks: readonly LocalNetwork[];
  /** Where the host's routes lead, and its other bridges. */
  readonly routes: readonly Subnet[];
  /** Subnets of the swarm: a pool's choice avoids them too. */
  readonly avoided: readonly Subnet[];
  /** Names of the host's links. */
  readonly links: ReadonlySet<string>;
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * Pure: the network that `request` asks for. `bridge` is its link's name unless an option names another.
 * ALREADY_EXISTS for the name; INVALID_ARGUMENT; PERMISSION_DENIED for a subnet in use (Docker's 403); RESOURCE_EXHAUSTED.
 */
export function planNewNetwork(
  request: LocalNetworkRequest,
  made: { readonly id: string; readonly bridge: string; readonly createdAtMs: number },
  pools: readonly AddressPool[],
  near: Neighbourhood,
): LocalNetwork {
  const { name, options } = request;
  if (!namePattern.test(name)) {
    throw invalid(
      `invalid network name "${name}": only [a-zA-Z0-9][a-zA-Z0-9_.-]* names can be used`,
    );
  }
  if (near.networks.some((network) => network.name === name)) {
    throw new ClusterError("ALREADY_EXISTS", `network with name ${name} already exists`);
  }
  const read = readBridgeOptions(options);
  const bridge = read.name === "" ? made.bridge : read.name;
  if (near.links.has(bridge) || near.networks.some((network) => network.bridge === bridge)) {
    throw new ClusterError(
      "PERMISSION_DENIED",
      `cannot create network ${name}: this host has a link named ${bridge} already; choose another name`,
    );
  }
  return {
    id: made.id,
    name,
    driver: "bridge",
    createdAtMs: made.createdAtMs,
    ...planAddresses(request, pools, near),
    reserved: request.reserved,
    internal: request.internal,
    attachable: request.attachable,
    options,
    labels: request.labels,
    bridge,
  };
}

/** Pure: subnet, gateway and range. Errors as planNewNetwork. */
export function planAddresses(
  request: Pick<LocalNetworkRequest, "subnet" | "gateway" | "ipRange" | "reserved">,
  pools: readonly AddressPool[],
  near: Neighbourhood,
): Pick<LocalNetwork, "subnet" | "gateway" | "ipRange"> {
  const networks = near.networks
    .filter(({ subnet }) => subnet !== "")
    .map(({ subnet }) => parseSubnet(subnet));
  const taken = [...networks, ...near.routes];
  const subnet = request.subnet === "" ? undefined : parseSubnet(request.subnet);
  if (subnet === undefined && (request.gateway !== "" || request.ipRange !== "")) {
    throw invalid("invalid network config: a gateway or an IP range needs a --subnet");
  }
  if (subnet !== undefined && (subnet.prefix < 8 || subnet.prefix > 30)) {
    throw invalid(`invalid subnet ${request.subnet}: a network has a prefix length from /8 to /30`);
  }
  if (subnet !== undefined && taken.some((other) => subnetsOverlap(subnet, other))) {
    throw new ClusterError(
      "PERMISSION_DENIED",
      "invalid pool request: Pool overlaps with other one on this address space " +
        `(${request.subnet} is used by another network or a route of this host)`,
    );
  }
  const chosen = subnet ?? parseSubnet(nextSubnet(pools, [...taken, ...near.avoided]));
  const range = request.ipRange === "" ? undefined : parseSubnet(request.ipRange);
  if (range !== undefined && !isWithin(range, chosen)) {
    throw invalid(
      `invalid ip-range ${request.ipRange}: it is not within the subnet ${request.subnet}`,
    );
  }
  for (const address of [request.gateway, ...Object.values(request.reserved)]) {
    if (address !== "" && !subnetContains(chosen, address)) {
      throw invalid(`invalid address ${address}: no configured subnet contains it`);
    }
  }
  return {
    subnet: formatSubnet(chosen),
    gateway: request.gateway === "" ? firstOf(range ?? chosen, chosen) : request.gateway,
    ipRange: range === undefined ? "" : formatSubnet(range),
  };
}

// Docker's gateway is the first address of the range, or of the subnet.
function firstOf(range: Subnet, subnet: Subnet): string {
  return numberToIp(Math.max(range.base, subnet.base + 1));
}

function isWithin(inner: Subnet, outer: Subnet): boolean {
  return inner.base >= outer.base && inner.base + inner.size <= outer.base + outer.size;
}

function invalid(message: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", message);
}
