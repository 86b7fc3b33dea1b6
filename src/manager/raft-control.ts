import type { RaftMember } from "../gen/skep/RaftMember.ts";

/** The part of raft's node that the manager works with; `RaftNode` fits. */
export interface RaftControl {
  propose(data: Uint8Array): Promise<unknown>;
  /** Resolves once everything agreed on before this call is applied. NOT_LEADER, UNAVAILABLE. */
  readIndex(): Promise<number>;
  status(): {
    readonly raftId: number;
    readonly term: number;
    /** This node leads, and has applied all that was agreed on before. */
    readonly isLeader: boolean;
    /** 0 = none known. */
    readonly leaderId: number;
    /** For how long none has been known. */
    readonly leaderlessMs: number;
    readonly members: readonly RaftMember[];
    readonly learners: readonly number[];
  };
  onLeadership(
    listener: (event: { readonly isLeader: boolean; readonly term: number }) => void,
  ): () => void;
  onMembers(listener: (members: readonly RaftMember[]) => void): () => void;
  addMember(member: RaftMember): Promise<void>;
  removeMember(raftId: number): Promise<void>;
  transferLeadership(toRaftId?: number): Promise<void>;
  reachable(raftId: number): boolean;
  stop(): Promise<void>;
}

/** Where the leader listens, as far as this member knows. */
export function leaderAddressOf(raft: RaftControl): string | undefined {
  const { leaderId, members } = raft.status();
  return members.find(({ raftId }) => raftId === leaderId)?.address;
}
