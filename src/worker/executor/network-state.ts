import type { NetworkState } from "../../overlay/network-state.ts";
import type { AssignmentSet } from "../agent/assignment-set.ts";

/** Pure: the networks, endpoints and balancers this node shall carry. `nodeId` tells local endpoints. */
export function planNetworkState(set: AssignmentSet, nodeId: string): NetworkState {
  return {
    networks: [...set.network.values()].map((network) => ({
      id: network.id,
      name: network.name,
      vni: network.vni,
      subnet: network.subnet,
      gateway: network.gateway,
      internal: network.internal,
      ingress: network.ingress,
      vxlanPort: network.vxlanPort,
      nodeAddress: network.nodeAddress,
      ...mtuOf(network.driverOptions["com.docker.network.driver.mtu"]),
    })),
    endpoints: [...set.endpoint.values()].map((endpoint) => ({
      id: endpoint.id,
      networkId: endpoint.networkId,
      taskId: endpoint.taskId,
      serviceId: endpoint.serviceId,
      address: endpoint.address,
      dataPathAddress: endpoint.dataPathAddress,
      serving: endpoint.serving,
      local: endpoint.nodeId === nodeId,
    })),
    services: [...set.service.values()].map((service) => ({
      id: service.id,
      name: service.name,
      virtualIps: service.virtualIps.map(({ networkId, address }) => ({ networkId, address })),
      ports: service.ports.map((port) => ({
        protocol: port.protocol === "TCP" ? "tcp" : port.protocol === "UDP" ? "udp" : "sctp",
        published: port.publishedPort,
        target: port.targetPort,
        mode: port.publishMode === "HOST" ? "host" : "ingress",
      })),
    })),
  };
}

function mtuOf(option: string | undefined): { mtu?: number } {
  const mtu = Number(option);
  return Number.isInteger(mtu) && mtu >= 576 ? { mtu } : {};
}
