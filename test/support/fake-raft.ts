import { ClusterError } from "../../src/base/errors.ts";
import type { RaftMember } from "../../src/gen/skep/RaftMember.ts";
import type { RaftControl } from "../../src/manager/raft-control.ts";

interface Applying {
  apply(entry: {
    readonly index: number;
    readonly term: number;
    readonly data: Uint8Array;
  }): unknown;
}

/** A raft group of which one member is real: it agrees at once, and leads when told so. */
export class FakeRaft implements RaftControl {
  readonly ownId: number;
  members: RaftMember[];
  leaderId: number;
  unreachable = new Set<number>();
  readonly calls: string[] = [];
  stateMachine: Applying | undefined;
  #index = 0;
  #term = 1;
  readonly #leadership = new Set<(event: { isLeader: boolean; term: number }) => void>();
  readonly #membership = new Set<(members: readonly RaftMember[]) => void>();

  constructor(ownId: number, members: readonly RaftMember[]) {
    this.ownId = ownId;
    this.members = [...members];
    this.leaderId = ownId;
  }

  async propose(data: Uint8Array): Promise<unknown> {
    await Promise.resolve();
    this.#mustLead();
    this.#index += 1;
    return this.stateMachine?.apply({ index: this.#index, term: this.#term, data });
  }

  async readIndex(): Promise<number> {
    this.#mustLead();
    return this.#index;
  }

  status() {
    return {
      raftId: this.ownId,
      term: this.#term,
      isLeader: this.leaderId === this.ownId,
      leaderId: this.leaderId,
      leaderlessMs: 0,
      members: this.members,
      learners: [],
    };
  }

  onLeadership(listener: (event: { isLeader: boolean; term: number }) => void): () => void {
    this.#leadership.add(listener);
    return () => this.#leadership.delete(listener);
  }

  onMembers(listener: (members: readonly RaftMember[]) => void): () => void {
    this.#membership.add(listener);
    return () => this.#membership.delete(listener);
  }

  async addMember(member: RaftMember): Promise<void> {
    this.calls.push(`add ${member.nodeId}`);
    this.#setMembers([...this.members, member]);
  }

  async removeMember(raftId: number): Promise<void> {
    this.calls.push(`remove ${raftId}`);
    this.#setMembers(this.members.filter((member) => member.raftId !== raftId));
  }

  async transferLeadership(): Promise<void> {
    this.calls.push("transfer");
    const other = this.members.find(({ raftId }) => raftId !== this.ownId);
    this.lead(other?.raftId ?? this.ownId);
  }

  reachable(raftId: number): boolean {
    return !this.unreachable.has(raftId);
  }

  async stop(): Promise<void> {}

  /** Makes this member the leader; 0 = nobody. */
  lead(raftId: number): void {
    this.leaderId = raftId;
    this.#term += 1;
    const event = { isLeader: raftId === this.ownId, term: this.#term };
    for (const listener of this.#leadership) listener(event);
  }

  #setMembers(members: RaftMember[]): void {
    this.members = members;
    for (const listener of this.#membership) listener(members);
  }

  #mustLead(): void {
    if (this.leaderId !== this.ownId) throw new ClusterError("NOT_LEADER", "not the leader");
  }
}
