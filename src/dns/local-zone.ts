import { buildZone, type Zone, type ZoneInput } from "./zone.ts";

/** A network of one node, as far as names are concerned. */
export interface NamedNetwork {
  readonly id: string;
  readonly name: string;
  readonly internal: boolean;
  readonly subnet: string;
  /** Whether containers on it find each other by name: not on the default network. */
  readonly hasNames: boolean;
}

/** A container on networks of its node. */
export interface NamedContainer {
  readonly containerId: string;
  readonly name: string;
  readonly endpoints: readonly {
    readonly networkId: string;
    readonly address: string;
    readonly aliases: readonly string[];
  }[];
}

const shortIdLength = 12;

/**
 * Pure: the names that `own` sees: of each container on the networks it shares with it, the name, the aliases there and
 * the short id, each also with the network's name behind it; and the names of their addresses.
 */
export function buildLocalZone(
  own: NamedContainer,
  networks: readonly NamedNetwork[],
  containers: readonly NamedContainer[],
): Zone {
  return buildZone(localZoneInput(own, networks, containers));
}

/** Pure: what `buildLocalZone` builds from, for containers that are on other networks too. */
export function localZoneInput(
  own: NamedContainer,
  networks: readonly NamedNetwork[],
  containers: readonly NamedContainer[],
): ZoneInput {
  return {
    attachments: own.endpoints,
    // One without names still counts: it may be the way out.
    networks: networks.map((network) => ({ ...network, ingress: !network.hasNames })),
    endpoints: containers.flatMap(({ containerId, name, endpoints }) =>
      endpoints.map(({ networkId, address, aliases }) => ({
        networkId,
        address,
        taskId: containerId,
        taskName: name,
        serviceId: "",
        serviceName: "",
        aliases: [...aliases, containerId.slice(0, shortIdLength)],
        serving: true,
      })),
    ),
    services: [],
    ownNames: [],
  };
}
