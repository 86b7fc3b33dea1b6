import { confStateOf } from "./confchange/member-config.ts";
import type { Raft } from "./raft.ts";
import type { ProgressState } from "./tracker/progress.ts";
import type { ConfState, Role } from "./types.ts";

/** What a leader knows of a member. */
export interface ProgressStatus {
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly isLearner: boolean;
  readonly recentActive: boolean;
  readonly paused: boolean;
  readonly pendingSnapshot: number;
  /** It has been sent a snapshot, and its state machine is not known to have it. */
  readonly isRestoring: boolean;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
}

/** A member's state at one moment. */
export interface RaftStatus {
  readonly id: number;
  readonly term: number;
  readonly vote: number;
  readonly role: Role;
  /** 0 = none known. */
  readonly leaderId: number;
  /** It campaigns, and somebody has refused it a vote. */
  readonly isRefused: boolean;
  /** To whom leadership is being handed; 0 = nobody. */
  readonly transferTo: number;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly confState: ConfState;
  /** By ascending id; only on the leader, with itself. */
  readonly progress: ReadonlyMap<number, ProgressStatus>;
}

export function statusOf(raft: Raft): RaftStatus {
  const { log, tracker } = raft;
  const progress = new Map<number, ProgressStatus>();
  if (raft.role === "leader") {
    for (const [id, one] of tracker.progress) {
      progress.set(id, {
        match: one.match,
        next: one.next,
        state: one.state,
        isLearner: tracker.config.learners.has(id),
        recentActive: one.recentActive,
        paused: one.isPaused(),
        pendingSnapshot: one.pendingSnapshot,
        isRestoring: one.applied < one.sentSnapshot,
        inflightMessages: one.inflights.count,
        inflightBytes: one.inflights.bytes,
      });
    }
  }
  return {
    id: raft.id,
    term: raft.term,
    vote: raft.vote,
    role: raft.role,
    leaderId: raft.leaderId,
    isRefused: raft.role !== "leader" && tracker.isRefused,
    transferTo: raft.transferTo,
    commit: log.committed,
    applied: log.applied,
    firstIndex: log.firstIndex(),
    lastIndex: log.lastIndex(),
    lastTerm: log.lastTerm(),
    confState: confStateOf(tracker.config),
    progress,
  };
}
