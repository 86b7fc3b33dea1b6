import { isDeepStrictEqual } from "node:util";
import { must } from "../../base/assert.ts";
import type { Assignment } from "../../gen/skep/Assignment.ts";
import type { EndpointAssignment } from "../../gen/skep/EndpointAssignment.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { NetworkAssignment } from "../../gen/skep/NetworkAssignment.ts";
import type { Node } from "../../gen/skep/Node.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { ServiceAssignment } from "../../gen/skep/ServiceAssignment.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { defaultVxlanPort } from "../../model/defaults.ts";
import { isServing } from "../../model/endpoint-assignments.ts";
import { taskName } from "../../model/task-name.ts";
import { atLeast, isTerminal } from "../../model/task-state.ts";

/** What an item is called within a node's set: "task/ID", "endpoint/NETWORK/TASK"… */
export type ItemKey = `${ItemKind}/${string}`;
export type ItemKind = "network" | "secret" | "config" | "service" | "endpoint" | "task";

/** The order of kinds in a message: what others need comes first. */
export const itemKinds: readonly ItemKind[] = [
  "network",
  "secret",
  "config",
  "service",
  "endpoint",
  "task",
];

/** Kind and id of a key. */
export function splitKey(key: ItemKey): { readonly kind: ItemKind; readonly id: string } {
  const slash = key.indexOf("/");
  return { kind: key.slice(0, slash) as ItemKind, id: key.slice(slash + 1) };
}

/** Whether the task is a node's business: placed, and the object still there. */
export function isAssigned(task: Task): boolean {
  return task.nodeId !== "" && atLeast(task.status?.state ?? "NEW", "ASSIGNED");
}

/** Whether the task needs its secrets, configs and networks (still). */
export function isLive(task: Task): boolean {
  return isAssigned(task) && !isTerminal(task.status?.state ?? "NEW");
}

/** Whether the allocator has given the network what nodes need to take part. */
export function isAllocated(network: Network): boolean {
  return network.vni !== 0 && (network.ipam?.configs[0]?.subnet ?? "") !== "";
}

/** The network as the node is told of it. */
export function networkItem(
  network: Network,
  node: Node | undefined,
  vxlanPort: number,
): NetworkAssignment {
  const pool = network.ipam?.configs[0];
  const own = node?.attachments.find(({ networkId }) => networkId === network.id);
  return {
    id: network.id,
    name: network.spec?.annotations?.name ?? "",
    vni: network.vni,
    subnet: pool?.subnet ?? "",
    gateway: pool?.gateway ?? "",
    internal: network.spec?.internal ?? false,
    ingress: network.spec?.ingress ?? false,
    driverOptions: network.spec?.driver?.options ?? {},
    nodeAddress: own?.addresses[0] ?? "",
    vxlanPort: vxlanPort || defaultVxlanPort,
    labels: network.spec?.annotations?.labels ?? {},
    attachable: network.spec?.attachable ?? false,
    createdAt: network.meta?.createdAt ?? null,
  };
}

/** The task on each of its networks, from ASSIGNED until it has ended. */
export function endpointsOfTask(task: Task, node: Node | undefined): EndpointAssignment[] {
  if (!isLive(task)) return [];
  return task.networks.flatMap((attachment) => {
    const address = attachment.addresses[0];
    if (address === undefined) return [];
    return {
      id: `${attachment.networkId}/${task.id}`,
      networkId: attachment.networkId,
      taskId: task.id,
      taskName: task.spec?.attachment?.containerName ?? taskName(task),
      slot: task.slot,
      serviceId: task.serviceId,
      serviceName: task.serviceAnnotations?.name ?? "",
      nodeId: task.nodeId,
      address,
      dataPathAddress: node?.description?.dataPathAddress ?? "",
      aliases: attachment.aliases,
      serving: isServing(task),
    };
  });
}

/** The node's own addresses on networks. */
export function endpointsOfNode(node: Node): EndpointAssignment[] {
  return node.attachments.flatMap(({ networkId, addresses }) => {
    const address = addresses[0];
    if (address === undefined) return [];
    return {
      id: `${networkId}/${node.id}`,
      networkId,
      taskId: "",
      taskName: "",
      slot: 0,
      serviceId: "",
      serviceName: "",
      nodeId: node.id,
      address,
      dataPathAddress: node.description?.dataPathAddress ?? "",
      aliases: [],
      serving: false,
    };
  });
}

/** The service as balancers and DNS must know it. */
export function serviceItem(service: Service): ServiceAssignment {
  const attachments = service.spec?.task?.networks ?? [];
  return {
    id: service.id,
    name: service.spec?.annotations?.name ?? "",
    mode: service.spec?.endpoint?.mode ?? "VIP",
    virtualIps: service.endpoint?.virtualIps ?? [],
    ports: service.endpoint?.ports ?? [],
    aliases: attachments
      .filter(({ aliases }) => aliases.length > 0)
      .map(({ target, aliases }) => ({ networkId: target, names: aliases })),
  };
}

/** Networks whose nodes must know the service. Nodes of the ingress network are all nodes. */
export function networksOfService(service: Service): Set<string> {
  return new Set([
    ...(service.spec?.task?.networks ?? []).map(({ target }) => target),
    ...(service.endpoint?.virtualIps ?? []).map(({ networkId }) => networkId),
  ]);
}

/** Whether the service has ports that every node publishes. */
export function hasIngressPorts(service: Service): boolean {
  return service.endpoint?.ports.some(({ publishMode }) => publishMode === "INGRESS") ?? false;
}

/** The message form of an item that is gone. */
export function removedItem(key: ItemKey): Assignment {
  const { kind, id } = splitKey(key);
  return { [kind]: { id }, item: kind } as Assignment;
}

/**
 * Whether a node that has `a` need not be told `b`. Status and meta of a task do not count: the status came from the node, and
 * secrets and configs are compared by version.
 */
export function sameItem(a: Assignment, b: Assignment): boolean {
  if (a === b) return true;
  if (a.item !== b.item) return false;
  switch (a.item) {
    case "task":
      return sameTask(must(a.task, "task"), must(b.task, "task"));
    case "secret":
      return a.secret?.meta?.version?.index === b.secret?.meta?.version?.index;
    case "config":
      return a.config?.meta?.version?.index === b.config?.meta?.version?.index;
    default:
      return isDeepStrictEqual(a, b);
  }
}

function sameTask(a: Task, b: Task): boolean {
  if (a === b) return true;
  const stable = (task: Task): Task => ({ ...task, meta: null, status: null });
  return isDeepStrictEqual(stable(a), stable(b));
}
