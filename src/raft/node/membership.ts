import { ClusterError } from "../../base/errors.ts";
import type { ConfChangeType, ConfState } from "../core/types.ts";
import type { MemberChange } from "../storage/conf-change-codec.ts";
import { emptyConfState } from "../storage/memory-storage.ts";
import type { RaftMember, SnapshotInfo } from "../storage/snapshot-store.ts";

/** How far a learner may be behind the commit index to become a voter, entries. */
const caughtUpEntries = 64;

/** What the leader knows of a member. */
export interface MemberProgress {
  readonly match: number;
  readonly recentActive: boolean;
  /** It has been sent a snapshot, and its state machine is not known to have it. */
  readonly isRestoring: boolean;
}

/** The applied configuration, and who its members are. */
export class Membership {
  #confState: ConfState = emptyConfState;
  #members: ReadonlyMap<number, RaftMember> = new Map();

  get confState(): ConfState {
    return this.#confState;
  }

  /** Voters and learners, by id. */
  get members(): readonly RaftMember[] {
    return [...this.#members.values()].sort((a, b) => a.raftId - b.raftId);
  }

  /** What goes with a snapshot of now. */
  infoAt(index: number, term: number): SnapshotInfo {
    return { index, term, confState: this.#confState, members: this.members };
  }

  get(raftId: number): RaftMember | undefined {
    return this.#members.get(raftId);
  }

  isVoter(raftId: number): boolean {
    const { voters, votersOutgoing } = this.#confState;
    return voters.includes(raftId) || votersOutgoing.includes(raftId);
  }

  /** All is as the snapshot says. */
  restore({ confState, members }: Pick<SnapshotInfo, "confState" | "members">): void {
    this.#set(confState, new Map(members.map((member) => [member.raftId, member])));
  }

  /** `change` was applied, with this configuration as its result. */
  apply(change: MemberChange, confState: ConfState): void {
    const named = new Map(this.#members);
    for (const member of change.members) named.set(member.raftId, member);
    this.#set(confState, named);
  }

  /**
   * Whom the transport may reach: the members, and `peers` until this node finds itself among the members and stops reading
   * about the past.
   */
  contacts(self: number, peers: readonly RaftMember[]): RaftMember[] {
    const byId = new Map(this.members.map((member) => [member.raftId, member]));
    if (!byId.has(self)) for (const peer of peers) byId.set(peer.raftId, peer);
    return [...byId.values()];
  }

  #set(confState: ConfState, named: ReadonlyMap<number, RaftMember>): void {
    this.#confState = confState;
    const kept = new Map<number, RaftMember>();
    for (const raftId of idsOf(confState)) {
      const member = named.get(raftId);
      if (member !== undefined) kept.set(raftId, member);
    }
    this.#members = kept;
  }
}

/** The change that makes `member` part of the group; undefined when it is already as wanted. */
export function planAdd(
  { confState, members }: Pick<SnapshotInfo, "confState" | "members">,
  member: RaftMember,
): MemberChange | undefined {
  const known = members.find(({ raftId }) => raftId === member.raftId);
  if (known === undefined || !idsOf(confState).has(member.raftId)) {
    return changeOf("CONF_ADD_LEARNER", member);
  }
  if (known.address === member.address && known.nodeId === member.nodeId) return undefined;
  return changeOf("CONF_UPDATE_NODE", member);
}

/** The change that makes a voter of a learner which has caught up; undefined when there is none. */
export function planPromotion(
  { confState, members }: Pick<SnapshotInfo, "confState" | "members">,
  commit: number,
  progress: (raftId: number) => MemberProgress | undefined,
): MemberChange | undefined {
  if (confState.votersOutgoing.length > 0) return undefined;
  for (const raftId of confState.learners) {
    const member = members.find((candidate) => candidate.raftId === raftId);
    const known = progress(raftId);
    if (member === undefined || known === undefined || !known.recentActive) continue;
    // Until it has taken the state over it is slow, and a voter that others would wait for.
    if (known.isRestoring) continue;
    if (known.match > 0 && known.match + caughtUpEntries >= commit) {
      return changeOf("CONF_ADD_NODE", member);
    }
  }
  return undefined;
}

/**
 * The change that removes a member; undefined when it is none. FAILED_PRECONDITION when those of the
 * remaining voters that can be reached could not decide anything any more.
 */
export function planRemoval(
  confState: ConfState,
  raftId: number,
  reachable: (raftId: number) => boolean,
): MemberChange | undefined {
  if (!idsOf(confState).has(raftId)) return undefined;
  if (confState.voters.includes(raftId)) {
    const rest = confState.voters.filter((voter) => voter !== raftId);
    const alive = rest.filter(reachable).length;
    const quorum = Math.floor(rest.length / 2) + 1;
    if (rest.length === 0) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        "cannot remove the last manager of the cluster; let it leave with force instead",
      );
    }
    if (alive < quorum) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `cannot remove the manager: only ${alive} of the ${rest.length} remaining managers can be reached and ${quorum} are needed; bring the others back first`,
      );
    }
  }
  return {
    changes: [{ type: "CONF_REMOVE_NODE", raftId }],
    transition: "TRANSITION_AUTO",
    members: [],
  };
}

function changeOf(type: ConfChangeType, member: RaftMember): MemberChange {
  const changes = [{ type, raftId: member.raftId }];
  return { changes, transition: "TRANSITION_AUTO", members: [member] };
}

function idsOf(confState: ConfState): Set<number> {
  const { voters, learners, votersOutgoing, learnersNext } = confState;
  return new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext]);
}
