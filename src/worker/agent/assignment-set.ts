import { assert, must } from "../../base/assert.ts";
import type { Assignment } from "../../gen/skep/Assignment.ts";
import type { AssignmentsMessage } from "../../gen/skep/AssignmentsMessage.ts";
import type { Config } from "../../gen/skep/Config.ts";
import type { EndpointAssignment } from "../../gen/skep/EndpointAssignment.ts";
import type { NetworkAssignment } from "../../gen/skep/NetworkAssignment.ts";
import type { Secret } from "../../gen/skep/Secret.ts";
import type { ServiceAssignment } from "../../gen/skep/ServiceAssignment.ts";
import type { Task } from "../../gen/skep/Task.ts";

/** The kinds of things a manager assigns, by the oneof's field name. */
export interface AssignmentItems {
  task: Task;
  secret: Secret;
  config: Config;
  network: NetworkAssignment;
  endpoint: EndpointAssignment;
  service: ServiceAssignment;
}

export type AssignmentKind = keyof AssignmentItems;

export const assignmentKinds: readonly AssignmentKind[] = [
  "task",
  "secret",
  "config",
  "network",
  "endpoint",
  "service",
];

/** Everything assigned to this node, by kind and id. */
export type AssignmentSet = {
  readonly [K in AssignmentKind]: ReadonlyMap<string, AssignmentItems[K]>;
};

export const emptyAssignmentSet: AssignmentSet = {
  task: new Map(),
  secret: new Map(),
  config: new Map(),
  network: new Map(),
  endpoint: new Map(),
  service: new Map(),
};

/** One changed item; `item` is absent when it was taken away. */
export interface AssignmentDelta {
  readonly kind: AssignmentKind;
  readonly id: string;
  readonly item?: AssignmentItems[AssignmentKind];
}

/** The set after `message`, and what differs. A complete set takes away what it does not name. */
export function applyAssignments(
  before: AssignmentSet,
  message: AssignmentsMessage,
): { set: AssignmentSet; deltas: readonly AssignmentDelta[] } {
  const complete = message.type === "COMPLETE_SET";
  const from = complete ? emptyAssignmentSet : before;
  const set = {
    task: new Map(from.task),
    secret: new Map(from.secret),
    config: new Map(from.config),
    network: new Map(from.network),
    endpoint: new Map(from.endpoint),
    service: new Map(from.service),
  };
  const deltas: AssignmentDelta[] = [];
  for (const change of message.changes) {
    const { kind, item } = unpack(must(change.assignment, "assignment of a change"));
    const map = set[kind] as Map<string, AssignmentItems[AssignmentKind]>;
    if (change.action === "ASSIGNMENT_REMOVE") {
      if (map.delete(item.id)) deltas.push({ kind, id: item.id });
    } else {
      map.set(item.id, item);
      deltas.push({ kind, id: item.id, item });
    }
  }
  if (complete) deltas.push(...missing(before, set));
  return { set, deltas };
}

function missing(before: AssignmentSet, after: AssignmentSet): AssignmentDelta[] {
  return assignmentKinds.flatMap((kind) =>
    [...before[kind].keys()].filter((id) => !after[kind].has(id)).map((id) => ({ kind, id })),
  );
}

function unpack(assignment: Assignment): {
  kind: AssignmentKind;
  item: AssignmentItems[AssignmentKind];
} {
  const kind = assignment.item;
  assert(kind !== undefined, "an assignment names its item");
  return { kind, item: must(assignment[kind], `assigned ${kind}`) };
}
