import { isDeepStrictEqual } from "node:util";
import type { ManagerStatus } from "../gen/skep/ManagerStatus.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { RaftMember } from "../gen/skep/RaftMember.ts";
import type { Reachability } from "../gen/skep/Reachability.ts";

/** One step of the role manager. */
export type RoleAction =
  /** The node's next certificate is a manager's; it will join by itself. */
  | { readonly kind: "promote"; readonly nodeId: string }
  /** The node's next certificate is a worker's. */
  | { readonly kind: "demote"; readonly nodeId: string }
  | { readonly kind: "removeMember"; readonly raftId: number }
  /** The leader is to be demoted: another one must do that. */
  | { readonly kind: "transferLeadership" }
  | { readonly kind: "setStatus"; readonly nodeId: string; readonly status: ManagerStatus | null }
  /** This member is none any more: its id must never come back. */
  | { readonly kind: "recordRemoved"; readonly raftId: number; readonly nodeId: string };

export interface RolesInput {
  readonly nodes: Iterable<Node>;
  readonly members: readonly RaftMember[];
  /** Members as they were when this was last decided. */
  readonly membersBefore: readonly RaftMember[];
  /** Raft ids that are recorded as removed. */
  readonly removed: ReadonlySet<number>;
  /** Raft ids of members that have no vote yet. */
  readonly learners: readonly number[];
  readonly ownRaftId: number;
  readonly leaderId: number;
  readonly reachable: (raftId: number) => boolean;
}

/**
 * Pure: what leads from the roles there are to those wanted. A manager leaves raft first and gets a worker's certificate then; a
 * worker gets a manager's certificate first and joins then. Members whose node was removed leave.
 */
export function planRoles(input: RolesInput): RoleAction[] {
  const nodes = [...input.nodes];
  const actions: RoleAction[] = planRecords(nodes, input);
  const memberOf = new Map(input.members.map((member) => [member.nodeId, member]));
  const known = new Set<string>();
  for (const node of nodes) {
    known.add(node.id);
    const member = memberOf.get(node.id);
    const wanted = node.spec?.desiredRole ?? node.role;
    if (wanted === "MANAGER" && node.role === "WORKER") {
      actions.push({ kind: "promote", nodeId: node.id });
    }
    if (wanted === "WORKER" && member !== undefined) actions.push(removal(member, input));
    if (wanted === "WORKER" && node.role === "MANAGER" && member === undefined) {
      actions.push({ kind: "demote", nodeId: node.id });
    }
    const status = member === undefined ? null : statusOf(member, input);
    if (!isDeepStrictEqual(status, node.managerStatus)) {
      actions.push({ kind: "setStatus", nodeId: node.id, status });
    }
  }
  for (const member of input.members) {
    if (!known.has(member.nodeId)) actions.push(removal(member, input));
  }
  return actions;
}

// Before the node's status changes, which is what tells a later leader that this id was one.
function planRecords(
  nodes: readonly Node[],
  { members, membersBefore, removed }: RolesInput,
): RoleAction[] {
  const former = new Map(membersBefore.map(({ raftId, nodeId }) => [raftId, nodeId]));
  for (const { id, managerStatus } of nodes) {
    if (managerStatus !== null) former.set(managerStatus.raftId, id);
  }
  for (const { raftId } of members) former.delete(raftId);
  return [...former]
    .filter(([raftId]) => raftId !== 0 && !removed.has(raftId))
    .map(([raftId, nodeId]) => ({ kind: "recordRemoved", raftId, nodeId }));
}

function removal({ raftId }: RaftMember, { ownRaftId }: RolesInput): RoleAction {
  return raftId === ownRaftId ? { kind: "transferLeadership" } : { kind: "removeMember", raftId };
}

function statusOf(member: RaftMember, input: RolesInput): ManagerStatus {
  return {
    raftId: member.raftId,
    addr: member.address,
    leader: member.raftId === input.leaderId,
    reachability: reachabilityOf(member, input),
  };
}

// One without a vote counts for no quorum: who reads "reachable" relies on it.
function reachabilityOf(
  { raftId }: RaftMember,
  { learners, ownRaftId, reachable }: RolesInput,
): Reachability {
  if (raftId !== ownRaftId && !reachable(raftId)) return "UNREACHABLE";
  return learners.includes(raftId) ? "REACHABILITY_UNKNOWN" : "REACHABLE";
}
