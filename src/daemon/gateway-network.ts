import type { LocalNetwork, LocalNetworkRequest } from "../overlay/local/local-network.ts";
import type { LocalOverlay } from "../overlay/local/local-overlay.ts";
import type { EndpointWish } from "../overlay/local/plan-new-endpoint.ts";
import type { SwarmEndpoints } from "./swarm-endpoints.ts";

/** Docker's name for it. */
export const gatewayNetworkName = "docker_gwbridge";

/** The way out of containers that people put on networks of the swarm only: there they do not meet. */
const gatewayNetwork: LocalNetworkRequest = {
  name: gatewayNetworkName,
  ...{ subnet: "", gateway: "", ipRange: "", reserved: {}, internal: false, attachable: false },
  options: { "com.docker.network.bridge.enable_icc": "false" },
  labels: {},
};

/**
 * Pure: whether a container needs the gateway network: one of the swarm's networks it is on has a way out, and none of the
 * node's own gives it one.
 */
export function needsGateway(
  local: readonly { readonly name: string; readonly internal: boolean }[],
  ofSwarm: readonly { readonly internal: boolean }[],
): boolean {
  const hasWayOut = local.some(({ name, internal }) => !internal && name !== gatewayNetworkName);
  return !hasWayOut && ofSwarm.some(({ internal }) => !internal);
}

export interface GatewayDeps {
  readonly local: LocalOverlay;
  readonly swarm: Pick<SwarmEndpoints, "of">;
  /** Makes a network of the node, and tells of it. */
  readonly create: (request: LocalNetworkRequest) => Promise<LocalNetwork>;
}

/** Puts containers on the gateway network while they need it; the network is made when the first one does. */
export class Gateway {
  readonly #deps: GatewayDeps;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  /** What to ask of it for a container that needs it. */
  async wish(): Promise<EndpointWish> {
    const { local, create } = this.#deps;
    const known = () => local.networks.all().find(({ name }) => name === gatewayNetworkName);
    const network =
      known() ??
      (await create(gatewayNetwork).catch((error: unknown) => {
        // Another container may have been faster.
        const made = known();
        if (made === undefined) throw error;
        return made;
      }));
    return { networkId: network.id, aliases: [], ip: "", mac: "" };
  }

  /** After a container came to a network, or left one. */
  async tend(containerId: string): Promise<void> {
    const { local, swarm } = this.#deps;
    const { networks, sandboxes } = local;
    const endpoints = sandboxes.get(containerId)?.endpoints ?? [];
    const own = endpoints.map(({ networkId }) => networks.get(networkId));
    const ofSwarm = swarm.of(containerId);
    const present = own.find(({ name }) => name === gatewayNetworkName);
    const isNeeded = needsGateway(own, ofSwarm);
    if (isNeeded && present === undefined) {
      const takenLinks = ofSwarm.map(({ link }) => link);
      await sandboxes.connect(containerId, { ...(await this.wish()), takenLinks });
    } else if (!isNeeded && present !== undefined) {
      await sandboxes.disconnect(containerId, present.id);
    }
  }
}
