import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { Role } from "../core/types.ts";
import type { RaftStorage } from "../storage/raft-storage.ts";
import type { RaftMember, SnapshotStore } from "../storage/snapshot-store.ts";
import type { RaftTransport } from "../transport/raft-transport.ts";
import type { StateMachine } from "./state-machine.ts";

export interface RaftNodeOptions {
  /** Never 0, never used before by another member, also not by an earlier life of this node. */
  readonly raftId: number;
  readonly nodeId: string;
  /** "host:port" where other members reach this one. */
  readonly address: string;
  readonly tickMs: number;
  /** Ticks without a leader until an election (plus as many again at random). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** A snapshot is made after this many entries, asked each time (the cluster may change it), or bytes of them; by some members sooner (`Snapshotter`). */
  readonly snapshotEntries: () => number;
  readonly snapshotBytes: number;
  /** Entries kept behind a snapshot for members that are a little late. */
  readonly keepEntries: number;
  /** First member of a new cluster. Ignored when there is a log already. */
  readonly bootstrap?: boolean;
  /** Goes on alone with what this node's log holds; the other members are forgotten. */
  readonly forceNewCluster?: boolean;
  /** Members known from elsewhere: a joiner cannot answer the leader without its address. */
  readonly peers?: readonly RaftMember[];
}

export interface RaftNodeDeps {
  readonly storage: RaftStorage;
  readonly snapshots: SnapshotStore;
  readonly transport: RaftTransport;
  readonly stateMachine: StateMachine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The values of the Swarm-like defaults; fail-over takes 1 to 2 s. */
export const defaultRaftNodeOptions = {
  tickMs: 100,
  electionTicks: 10,
  heartbeatTicks: 1,
  snapshotEntries: () => 10_000,
  snapshotBytes: 32 * 1024 * 1024,
  keepEntries: 500,
} as const;

export interface LeadershipEvent {
  /** This node leads, and has applied all that was agreed on before. */
  readonly isLeader: boolean;
  readonly term: number;
  /** 0 = nobody known. */
  readonly leaderId: number;
}

export interface RaftNodeStatus {
  readonly raftId: number;
  readonly term: number;
  readonly role: Role;
  /** It leads and has applied all that was agreed on before, as `LeadershipEvent.isLeader`. */
  readonly isLeader: boolean;
  /** 0 = none known. */
  readonly leaderId: number;
  /** For how long none has been known. */
  readonly leaderlessMs: number;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  readonly members: readonly RaftMember[];
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  /** Only on the leader: how far each member's log is known to be. */
  readonly progress: ReadonlyMap<
    number,
    { readonly match: number; readonly recentActive: boolean }
  >;
  readonly pendingProposals: number;
}
