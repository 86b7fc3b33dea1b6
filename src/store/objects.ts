import type { Cluster, ClusterInput } from "../gen/skep/Cluster.ts";
import type { Config, ConfigInput } from "../gen/skep/Config.ts";
import type { Network, NetworkInput } from "../gen/skep/Network.ts";
import type { Node, NodeInput } from "../gen/skep/Node.ts";
import type { Secret, SecretInput } from "../gen/skep/Secret.ts";
import type { Service, ServiceInput } from "../gen/skep/Service.ts";
import type { Task, TaskInput } from "../gen/skep/Task.ts";

/** The objects of each table, as they are kept: decoded (every field present) and frozen. */
export interface ObjectOf {
  cluster: Cluster;
  node: Node;
  service: Service;
  task: Task;
  network: Network;
  secret: Secret;
  config: Config;
}

/** What may be handed in for a new object: absent fields take their defaults. */
export interface InputOf {
  cluster: ClusterInput;
  node: NodeInput;
  service: ServiceInput;
  task: TaskInput;
  network: NetworkInput;
  secret: SecretInput;
  config: ConfigInput;
}

/** One of the store's tables. */
export type TableName = keyof ObjectOf;

/** Every table, in the order in which snapshots and restores list them: what others refer to comes first. */
export const tableNames = [
  "cluster",
  "node",
  "network",
  "secret",
  "config",
  "service",
  "task",
] as const satisfies readonly TableName[];

/** One committed change. `previous` is the object before an update, or the one that a removal removed. */
export type StoreEvent = {
  [T in TableName]: {
    readonly kind: "create" | "update" | "remove";
    readonly table: T;
    /** The object after the change; for a removal, the object removed. */
    readonly object: ObjectOf[T];
    readonly previous?: ObjectOf[T];
  };
}[TableName];

/** The index of the entry that wrote the object last; 0 for one that was never written. */
export function versionOf(object: ObjectOf[TableName]): number {
  return object.meta?.version?.index ?? 0;
}
