import { ClusterError } from "../../base/errors.ts";
import { macOf } from "../../base/ip.ts";
import { nextAddress, wantedAddress } from "./address-pool.ts";
import { freeLinkName } from "./free-link-name.ts";
import { defaultNetworkName, type LocalEndpoint, type LocalNetwork } from "./local-network.ts";

/** What a container asks of one network. */
export interface EndpointWish {
  /** Full id. */
  readonly networkId: string;
  readonly aliases: readonly string[];
  /** "" = any. */
  readonly ip: string;
  /** "" = of the address. */
  readonly mac: string;
  /** Names of links that the container has from elsewhere. */
  readonly takenLinks?: readonly string[];
}

/** What a new endpoint must be told from. */
export interface OtherEndpoints {
  /** Of the new one. */
  readonly endpointId: string;
  /** Of the name of its port in the host's namespace. */
  readonly prefix: string;
  /** Of every container on this node. */
  readonly all: readonly LocalEndpoint[];
  /** Of the same container, as far as they are not in `all`. */
  readonly own: readonly LocalEndpoint[];
}

const macPattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** Pure: a container's new place on a network. Errors as nextAddress and wantedAddress; INVALID_ARGUMENT with Docker's texts. */
export function planNewEndpoint(
  wish: EndpointWish,
  network: LocalNetwork,
  { endpointId, prefix, all, own }: OtherEndpoints,
): LocalEndpoint {
  checkDefault(network, wish);
  const others = [...all, ...own];
  const used = new Set(
    others.filter(({ networkId }) => networkId === network.id).map(({ address }) => address),
  );
  const address =
    wish.ip === "" ? nextAddress(network, used) : wantedAddress(network, wish.ip, used);
  return {
    endpointId,
    networkId: network.id,
    address,
    mac: wish.mac === "" ? macOf(address) : checkedMac(wish.mac),
    link: freeLink([...own.map(({ link: name }) => name), ...(wish.takenLinks ?? [])]),
    port: freeLinkName(prefix, endpointId, new Set(others.map(({ port }) => port))),
    aliases: wish.aliases,
  };
}

// Docker's texts: the default network is for containers that nobody looks for.
function checkDefault({ name }: LocalNetwork, { ip, aliases }: EndpointWish): void {
  if (name !== defaultNetworkName) return;
  if (ip !== "") {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      "user specified IP address is supported on user defined networks only",
    );
  }
  if (aliases.length > 0) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      "network-scoped alias is supported only for containers in user defined networks",
    );
  }
}

/** Pure: the first of eth0, eth1, … that the container does not have. */
export function freeLink(names: readonly string[]): string {
  const taken = new Set(names);
  let index = 0;
  while (taken.has(`eth${index}`)) index += 1;
  return `eth${index}`;
}

function checkedMac(mac: string): string {
  if (macPattern.test(mac)) return mac.toLowerCase();
  throw new ClusterError("INVALID_ARGUMENT", `invalid MAC address "${mac}"`);
}
