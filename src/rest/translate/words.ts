import { must } from "../../base/assert.ts";
import type { EndpointMode } from "../../gen/skep/EndpointMode.ts";
import type { FailureAction } from "../../gen/skep/FailureAction.ts";
import type { MountType } from "../../gen/skep/MountType.ts";
import type { NodeAvailability } from "../../gen/skep/NodeAvailability.ts";
import type { NodeRole } from "../../gen/skep/NodeRole.ts";
import type { NodeState } from "../../gen/skep/NodeState.ts";
import type { PortProtocol } from "../../gen/skep/PortProtocol.ts";
import type { PublishMode } from "../../gen/skep/PublishMode.ts";
import type { Reachability } from "../../gen/skep/Reachability.ts";
import type { RestartCondition } from "../../gen/skep/RestartCondition.ts";
import type { TaskState } from "../../gen/skep/TaskState.ts";
import type { UpdateOrder } from "../../gen/skep/UpdateOrder.ts";

/** Docker's words to ours, one table for each enumeration. */
export const protocolWords = {
  tcp: "TCP",
  udp: "UDP",
  sctp: "SCTP",
} as const satisfies Record<string, PortProtocol>;

export const publishModeWords = {
  ingress: "INGRESS",
  host: "HOST",
} as const satisfies Record<string, PublishMode>;

export const endpointModeWords = {
  vip: "VIP",
  dnsrr: "DNSRR",
} as const satisfies Record<string, EndpointMode>;

export const failureActionWords = {
  pause: "PAUSE_UPDATE",
  continue: "CONTINUE_UPDATE",
  rollback: "ROLLBACK_UPDATE",
} as const satisfies Record<string, FailureAction>;

export const updateOrderWords = {
  "stop-first": "STOP_FIRST",
  "start-first": "START_FIRST",
} as const satisfies Record<string, UpdateOrder>;

export const restartConditionWords = {
  any: "RESTART_ANY",
  none: "RESTART_NONE",
  "on-failure": "RESTART_ON_FAILURE",
} as const satisfies Record<string, RestartCondition>;

export const mountTypeWords = {
  bind: "BIND",
  volume: "VOLUME",
  tmpfs: "TMPFS",
  cluster: "CLUSTER_VOLUME",
  npipe: "NPIPE",
  image: "IMAGE_MOUNT",
} as const satisfies Record<string, MountType>;

export const roleWords = {
  worker: "WORKER",
  manager: "MANAGER",
} as const satisfies Record<string, NodeRole>;

export const availabilityWords = {
  active: "ACTIVE",
  pause: "PAUSE",
  drain: "DRAIN",
} as const satisfies Record<string, NodeAvailability>;

export const nodeStateWords = {
  unknown: "UNKNOWN",
  down: "DOWN",
  ready: "READY_NODE",
  disconnected: "DISCONNECTED",
} as const satisfies Record<string, NodeState>;

export const reachabilityWords = {
  unknown: "REACHABILITY_UNKNOWN",
  unreachable: "UNREACHABLE",
  reachable: "REACHABLE",
} as const satisfies Record<string, Reachability>;

export const taskStateWords = {
  new: "NEW",
  pending: "PENDING",
  assigned: "ASSIGNED",
  accepted: "ACCEPTED",
  preparing: "PREPARING",
  ready: "READY",
  starting: "STARTING",
  running: "RUNNING",
  complete: "COMPLETE",
  shutdown: "SHUTDOWN",
  failed: "FAILED",
  rejected: "REJECTED",
  remove: "REMOVE",
  orphaned: "ORPHANED",
} as const satisfies Record<string, TaskState>;

export const updateStateWords = {
  updating: "UPDATING",
  paused: "UPDATE_PAUSED",
  completed: "UPDATE_COMPLETED",
  rollback_started: "ROLLBACK_STARTED",
  rollback_paused: "ROLLBACK_PAUSED",
  rollback_completed: "ROLLBACK_COMPLETED",
} as const;

/** Docker's word for one of ours. */
export function wordFor<W extends string, V extends string>(
  words: Readonly<Record<W, V>>,
  value: V,
): W {
  const found = (Object.keys(words) as W[]).find((word) => words[word] === value);
  return must(found, `Docker's word for ${value}`);
}
