import type { LocalNetwork, LocalSandbox } from "../../src/overlay/local/local-network.ts";

/** A bridge network of one node. */
export function aLocalNetwork(parts: Partial<LocalNetwork> = {}): LocalNetwork {
  return {
    ...{ id: "n1", name: "app", driver: "bridge", createdAtMs: 1 },
    ...{ subnet: "172.20.0.0/16", gateway: "172.20.0.1", ipRange: "", reserved: {} },
    ...{ internal: false, attachable: false, options: {}, labels: {}, bridge: "br-app" },
    ...parts,
  };
}

/** A container's place on `networkId`. */
export function aLocalSandbox(
  networkId: string,
  address: string,
  parts: Partial<LocalSandbox> = {},
): LocalSandbox {
  const endpoint = {
    ...{ endpointId: `e-${address}`, networkId, address, mac: "02:42:ac:14:00:02" },
    ...{ link: "eth0", port: "skt1v000001", aliases: [] },
  };
  return {
    ...{ containerId: "c1", name: "web", hostname: "web", endpoints: [endpoint], ports: [] },
    ...parts,
  };
}
