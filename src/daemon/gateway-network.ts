import type { LocalNetworkRequest } from "../overlay/local/local-network.ts";

/** Docker's name for it. */
export const gatewayNetworkName = "docker_gwbridge";

/** The way out of containers that people put on networks of the swarm only: there they do not meet. */
export const gatewayNetwork: LocalNetworkRequest = {
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
