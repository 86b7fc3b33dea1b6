import type { ObjectJson, VersionJson } from "./common.ts";
import type { ClusterNetworkJson } from "./network.ts";
import type { GenericResourceJson, PortJson, TaskSpecJson } from "./service.ts";

export type TaskStateJson =
  | "new"
  | "pending"
  | "assigned"
  | "accepted"
  | "preparing"
  | "ready"
  | "starting"
  | "running"
  | "complete"
  | "shutdown"
  | "failed"
  | "rejected"
  | "remove"
  | "orphaned";

export interface TaskStatusJson {
  Timestamp?: string;
  State?: TaskStateJson;
  Message?: string;
  Err?: string;
  ContainerStatus?: { ContainerID: string; PID: number; ExitCode: number };
  PortStatus: { Ports?: PortJson[] };
}

/** GET /tasks/{id} */
export interface TaskJson extends ObjectJson {
  Name?: string;
  Labels: Record<string, string>;
  Spec: TaskSpecJson;
  ServiceID?: string;
  Slot?: number;
  NodeID?: string;
  Status: TaskStatusJson;
  DesiredState?: TaskStateJson;
  NetworksAttachments?: { Network: ClusterNetworkJson; Addresses?: string[] }[];
  GenericResources?: GenericResourceJson[];
  JobIteration?: VersionJson;
  Volumes: null;
}
