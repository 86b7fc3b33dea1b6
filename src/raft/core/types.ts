/** The vocabulary of the Raft core. Ids, terms and indexes are integers up to 2^53 - 1; 0 is none. */

/** A conf-change without data leaves a joint configuration. */
export type EntryType = "normal" | "conf-change";

/** One place of the log. A "normal" one without data marks the start of a leader's term. */
export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What must survive a restart beside the log (Raft §5, Figure 2 "persistent state"). */
export interface HardState {
  readonly term: number;
  /** Whom this node voted for in `term`. */
  readonly vote: number;
  readonly commit: number;
}

/** What may be lost in a restart. */
export interface SoftState {
  readonly leaderId: number;
  readonly role: Role;
}

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

/** Who decides, as of some index of the log. */
export interface ConfState {
  /** Incoming voters while joint. */
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  /** Not empty while the configuration is joint: decisions then need a majority of both halves. */
  readonly votersOutgoing: readonly number[];
  /** Outgoing voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly number[];
  /** The leader leaves the joint configuration by itself once it is applied. */
  readonly autoLeave: boolean;
}

/** What a snapshot stands for; its bytes travel beside the messages. */
export interface SnapshotMetadata {
  readonly index: number;
  readonly term: number;
  /** The configuration applied at `index`. */
  readonly confState: ConfState;
}

/** CONF_UPDATE_NODE changes nobody's vote: it carries a member's new address. */
export type ConfChangeType =
  | "CONF_ADD_NODE"
  | "CONF_REMOVE_NODE"
  | "CONF_ADD_LEARNER"
  | "CONF_UPDATE_NODE";

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly raftId: number;
}

/** AUTO is joint only for more than one change. EXPLICIT stays joint until an empty change. */
export type ConfChangeTransition =
  | "TRANSITION_AUTO"
  | "TRANSITION_JOINT_IMPLICIT"
  | "TRANSITION_JOINT_EXPLICIT";

/** No change at all leaves a joint configuration. */
export interface ConfChange {
  readonly changes: readonly ConfChangeSingle[];
  readonly transition: ConfChangeTransition;
}

/** What goes from member to member. Proposals never travel: only the leader takes them. */
export type MessageType =
  /** Entries after (index, logTerm); commit. */
  | "MsgApp"
  /** index: the last entry known to match, or the refused one with rejectHint/logTerm. */
  | "MsgAppResp"
  | "MsgHeartbeat"
  | "MsgHeartbeatResp"
  /** (index, logTerm): the end of the candidate's log; (commit, commitTerm): what it knows committed. */
  | "MsgVote"
  | "MsgVoteResp"
  | "MsgPreVote"
  | "MsgPreVoteResp"
  /** snapshot; its bytes go beside it, and are durable where it is stepped. */
  | "MsgSnap"
  /** The receiver campaigns at once (transfer of leadership). */
  | "MsgTimeoutNow"
  /** A follower asks the leader for a read index. */
  | "MsgReadIndex"
  | "MsgReadIndexResp";

/** All fields are there; those that say nothing are 0, false or empty. Make it with `makeMessage`. */
export interface Message {
  readonly type: MessageType;
  readonly to: number;
  readonly from: number;
  readonly term: number;
  readonly logTerm: number;
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  readonly commitTerm: number;
  readonly snapshot: SnapshotMetadata | undefined;
  readonly reject: boolean;
  readonly rejectHint: number;
  readonly context: Uint8Array;
  /** Spare: always 0. */
  readonly vote: number;
}

/** A read that may be served once the state machine has applied `index`. */
export interface ReadState {
  readonly index: number;
  /** As given to `readIndex`. */
  readonly context: Uint8Array;
}

/**
 * What the core wants done. A Ready is handed out once; the next one goes on from there, so several
 * may be under way: see README.md for the driver's loop.
 */
export interface Ready {
  /** Counts up from 1. */
  readonly sequence: number;
  /** Absent = unchanged. */
  readonly hardState: HardState | undefined;
  readonly softState: SoftState | undefined;
  /** Replaces the whole log and state; goes to disk before `entries`, in the same batch. */
  readonly snapshot: SnapshotMetadata | undefined;
  /** To persist, in order; they replace everything from the first one's index on. */
  readonly entries: readonly Entry[];
  /** Whether the write must survive a power loss before it counts as done. */
  readonly mustSync: boolean;
  /** May leave at once, before this Ready is durable. Those to the node itself do not occur. */
  readonly messages: readonly Message[];
  /** May leave only when this Ready and all before it are durable. */
  readonly messagesAfterPersist: readonly Message[];
  /** To apply, in order; all of them are durable here. */
  readonly committedEntries: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /** Contexts of reads that will never be answered. */
  readonly failedReads: readonly Uint8Array[];
}

/** What became of a proposal. Appended is not committed: it may still be replaced. */
export type ProposeOutcome =
  | { readonly kind: "appended"; readonly index: number; readonly term: number }
  | { readonly kind: "dropped"; readonly reason: DropReason };

/**
 * "busy": too many uncommitted bytes; "pending-change": an earlier change is not applied yet;
 * "invalid-change": it does not fit the configuration (no voter left, or joint already).
 */
export type DropReason =
  | "not-leader"
  | "transferring"
  | "busy"
  | "pending-change"
  | "invalid-change";

/** No data. */
export const noData: Uint8Array = new Uint8Array(0);

/** A message with everything not given left empty; the core fills in `from` and `term`. */
export function makeMessage(
  type: MessageType,
  to: number,
  fields: Partial<Omit<Message, "type" | "to">> = {},
): Message {
  return {
    type,
    to,
    from: fields.from ?? 0,
    term: fields.term ?? 0,
    logTerm: fields.logTerm ?? 0,
    index: fields.index ?? 0,
    entries: fields.entries ?? [],
    commit: fields.commit ?? 0,
    commitTerm: fields.commitTerm ?? 0,
    snapshot: fields.snapshot,
    reject: fields.reject ?? false,
    rejectHint: fields.rejectHint ?? 0,
    context: fields.context ?? noData,
    vote: 0,
  };
}
