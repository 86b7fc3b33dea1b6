import type { Assignment } from "../../gen/skep/Assignment.ts";
import type { AssignmentChange } from "../../gen/skep/AssignmentChange.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { StoreView } from "../../store/store-view.ts";
import {
  endpointsOfNode,
  endpointsOfTask,
  hasIngressPorts,
  type ItemKey,
  isAllocated,
  isAssigned,
  isLive,
  itemKinds,
  networkItem,
  networksOfService,
  removedItem,
  sameItem,
  serviceItem,
  splitKey,
} from "./assignment-items.ts";

/** What a node is to know, by key. */
export type AssignmentItems = ReadonlyMap<ItemKey, Assignment>;

/** What a node's own tasks make its business. */
export interface NodeInterests {
  readonly tasks: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly configs: ReadonlySet<string>;
  /** Networks it takes part in: those of its live tasks, and the ingress networks. */
  readonly networks: ReadonlySet<string>;
}

export const noInterests: NodeInterests = {
  tasks: new Set(),
  secrets: new Set(),
  configs: new Set(),
  networks: new Set(),
};

/** Pure: what this node is concerned with. */
export function interestsOf(
  tasks: Iterable<Task>,
  ingressNetworks: Iterable<string>,
): NodeInterests {
  const interests = {
    tasks: new Set<string>(),
    secrets: new Set<string>(),
    configs: new Set<string>(),
    networks: new Set<string>(ingressNetworks),
  };
  for (const task of tasks) {
    if (!isAssigned(task)) continue;
    interests.tasks.add(task.id);
    if (!isLive(task)) continue;
    for (const { networkId } of task.networks) interests.networks.add(networkId);
    for (const { secretId } of task.spec?.container?.secrets ?? []) interests.secrets.add(secretId);
    for (const { configId } of task.spec?.container?.configs ?? []) interests.configs.add(configId);
  }
  return interests;
}

/** The task as its node is told of it; one that is held back is still wanted. */
export function taskItem(task: Task, isHeld: boolean): Assignment {
  return { task: isHeld ? { ...task, desiredState: "RUNNING" } : task, item: "task" };
}

/**
 * Pure: the whole set of a node, computed from scratch. What `NodeAssignments` keeps up to date bit by bit must always equal this.
 */
export function assignmentSet(
  view: StoreView,
  nodeId: string,
  held: ReadonlySet<string> = new Set(),
): AssignmentItems {
  const items = new Map<ItemKey, Assignment>();
  const node = view.get("node", nodeId);
  const ingress = [...view.all("network")].filter(({ spec }) => spec?.ingress === true);
  const { tasks, secrets, configs, networks } = interestsOf(
    view.tasksOfNode(nodeId),
    ingress.map(({ id }) => id),
  );
  const vxlanPort = view.cluster()?.networkDefaults?.vxlanPort ?? 0;
  for (const id of networks) {
    const network = view.get("network", id);
    if (network !== undefined && isAllocated(network)) {
      items.set(`network/${id}`, {
        network: networkItem(network, node, vxlanPort),
        item: "network",
      });
    }
  }
  for (const id of secrets) {
    const secret = view.get("secret", id);
    if (secret !== undefined) items.set(`secret/${id}`, { secret, item: "secret" });
  }
  for (const id of configs) {
    const config = view.get("config", id);
    if (config !== undefined) items.set(`config/${id}`, { config, item: "config" });
  }
  for (const service of view.all("service")) {
    const concerns = [...networksOfService(service)].some((id) => networks.has(id));
    if (concerns || hasIngressPorts(service)) {
      items.set(`service/${service.id}`, { service: serviceItem(service), item: "service" });
    }
  }
  const endpoints = [
    ...[...view.all("task")].flatMap((task) =>
      endpointsOfTask(task, view.get("node", task.nodeId)),
    ),
    ...[...view.all("node")].flatMap(endpointsOfNode),
  ];
  for (const endpoint of endpoints) {
    if (networks.has(endpoint.networkId)) {
      items.set(`endpoint/${endpoint.id}`, { endpoint, item: "endpoint" });
    }
  }
  for (const id of tasks) {
    const task = view.get("task", id);
    if (task !== undefined) items.set(`task/${id}`, taskItem(task, held.has(id)));
  }
  return items;
}

/** Pure: the changes that lead from one set to another, in the order in which a node can take them. */
export function diffAssignments(
  before: AssignmentItems,
  after: AssignmentItems,
): AssignmentChange[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys]
    .flatMap((key) => changeOf(key, before.get(key), after.get(key)) ?? [])
    .sort(byKind);
}

/** Pure: how one item changed; undefined when a node need not know. */
export function changeOf(
  key: ItemKey,
  before: Assignment | undefined,
  after: Assignment | undefined,
): AssignmentChange | undefined {
  if (after === undefined) {
    if (before === undefined) return undefined;
    return { assignment: removedItem(key), action: "ASSIGNMENT_REMOVE" };
  }
  if (before !== undefined && sameItem(before, after)) return undefined;
  return { assignment: after, action: "ASSIGNMENT_UPDATE" };
}

/** Orders changes so that what others need comes first. */
export function byKind(a: AssignmentChange, b: AssignmentChange): number {
  return kindRank(a) - kindRank(b);
}

/** Ids that are in one of the sets only. */
export function difference(a: ReadonlySet<string>, b: ReadonlySet<string>): string[] {
  return [...[...a].filter((id) => !b.has(id)), ...[...b].filter((id) => !a.has(id))];
}

function kindRank({ assignment }: AssignmentChange): number {
  const kind = assignment?.item;
  return kind === undefined ? itemKinds.length : itemKinds.indexOf(kind);
}

/** Which network an endpoint's key is of. */
export function networkOfEndpoint(key: ItemKey): string {
  const { id } = splitKey(key);
  return id.slice(0, id.indexOf("/"));
}
