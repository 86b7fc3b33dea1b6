import type { Network } from "../../gen/skep/Network.ts";
import type { Node } from "../../gen/skep/Node.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { ContainerData } from "../backend/containers.ts";
import type { NetworkJson } from "../wire/network.ts";

/** The containers of this node on a network. */
export function localNetworkDetails(
  network: Pick<NetworkJson, "Id">,
  containers: readonly ContainerData[],
): NonNullable<NetworkJson["Containers"]> {
  const rows = containers.flatMap((container) =>
    container.networks
      .filter(({ networkId }) => container.state === "running" && networkId === network.Id)
      .map((attached) => [
        container.id,
        {
          Name: container.name,
          EndpointID: attached.endpointId,
          MacAddress: attached.macAddress,
          IPv4Address: attached.address,
          IPv6Address: "",
        },
      ]),
  );
  return Object.fromEntries(rows);
}

/** What `network inspect --verbose` adds: services with their tasks, and the nodes that take part. */
export function serviceDetails(
  network: Network,
  services: readonly Service[],
  tasks: readonly Task[],
  nodes: readonly Node[],
): Required<Pick<NetworkJson, "Services" | "Peers">> {
  const running = tasks.filter(
    (task) =>
      task.status?.state === "RUNNING" &&
      task.networks.some(({ networkId }) => networkId === network.id),
  );
  const nodesById = new Map(nodes.map((node) => [node.id, node]));
  const nodeAddress = (id: string) => {
    const node = nodesById.get(id);
    return node?.description?.dataPathAddress || node?.status?.addr || "";
  };
  const rows = services.flatMap((service) => {
    const vip = service.endpoint?.virtualIps.find(({ networkId }) => networkId === network.id);
    const own = running.filter(({ serviceId }) => serviceId === service.id);
    if (vip === undefined && own.length === 0) return [];
    return [
      [
        service.spec?.annotations?.name ?? service.id,
        {
          VIP: withoutLength(vip?.address ?? ""),
          Ports: (service.endpoint?.ports ?? []).map(
            (port) => `Target: ${port.targetPort}, Publish: ${port.publishedPort}`,
          ),
          LocalLBIndex: 0,
          Tasks: own.map((task) => taskRow(task, network.id, nodeAddress(task.nodeId))),
        },
      ] as const,
    ];
  });
  const peers = [...new Set(running.map(({ nodeId }) => nodeId))].filter((id) => id !== "");
  return {
    Services: Object.fromEntries(rows),
    Peers: peers.map((id) => ({ Name: id, IP: nodeAddress(id) })),
  };
}

function taskRow(task: Task, networkId: string, hostAddress: string) {
  const attachment = task.networks.find((candidate) => candidate.networkId === networkId);
  return {
    Name: task.annotations?.name || task.id,
    EndpointID: task.id,
    EndpointIP: withoutLength(attachment?.addresses[0] ?? ""),
    Info: { "Host IP": hostAddress },
  };
}

function withoutLength(cidr: string): string {
  return cidr.split("/")[0] ?? "";
}
