import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { RawNode } from "../core/raw-node.ts";
import { encodeMemberChange, type MemberChange } from "../storage/conf-change-codec.ts";
import type { RaftMember } from "../storage/snapshot-store.ts";
import { type Membership, planAdd, planPromotion, planRemoval } from "./membership.ts";
import { errorOfDrop, type KnownLeader, notLeader, unavailable } from "./node-errors.ts";
import type { Proposals } from "./proposals.ts";
import type { Waiters } from "./waiters.ts";

export interface MemberChangesOptions {
  readonly raftId: number;
  readonly tickMs: number;
  readonly electionTicks: number;
  /** How long a change waits for the others, milliseconds. */
  readonly answerMs: number;
}

export interface MemberChangesDeps {
  readonly raw: RawNode;
  readonly membership: Membership;
  readonly proposals: Proposals;
  readonly waiters: Waiters;
  readonly clock: Clock;
  readonly reachable: (raftId: number) => boolean;
  /** Throws when the node has stopped. */
  readonly mustRun: () => void;
  readonly isLeader: () => boolean;
  readonly leader: () => KnownLeader;
  readonly applied: () => number;
  /** The core has been given something. */
  readonly wake: () => void;
}

/** Changes of who belongs to the group, one at a time, and of who leads it. */
export class MemberChanges {
  readonly #options: MemberChangesOptions;
  readonly #deps: MemberChangesDeps;

  constructor(options: MemberChangesOptions, deps: MemberChangesDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** See RaftNode.addMember. */
  async add(member: RaftMember): Promise<void> {
    await this.#change(() => planAdd(this.#deps.membership, member));
  }

  /** See RaftNode.removeMember. */
  async remove(raftId: number): Promise<void> {
    const { membership, reachable, isLeader, leader } = this.#deps;
    const plan = (): MemberChange | undefined =>
      planRemoval(membership.confState, raftId, reachable);
    if (raftId === this.#options.raftId && isLeader()) {
      plan();
      await this.transfer(undefined);
      throw notLeader(leader());
    }
    await this.#change(plan);
  }

  /** See RaftNode.transferLeadership. */
  async transfer(toRaftId: number | undefined): Promise<void> {
    const { raw, waiters, clock, mustRun, isLeader, leader, wake } = this.#deps;
    mustRun();
    if (!isLeader()) throw notLeader(leader());
    const target = toRaftId ?? this.#successor();
    if (target === this.#options.raftId) return;
    if (target === undefined || !raw.transferLeader(target)) {
      const text = "no other manager can take over the leadership now";
      throw new ClusterError("FAILED_PRECONDITION", text);
    }
    wake();
    const { electionTicks, tickMs } = this.#options;
    const deadlineMs = clock.monotonic() + 2 * electionTicks * tickMs;
    const text = `manager ${target} did not take over the leadership in time`;
    const done = (): boolean => !isLeader() && leader().leaderId !== 0;
    await waiters.until(done, deadlineMs, () => unavailable(text, true));
  }

  /** Makes a voter of a learner that has caught up. Called by the leader at each tick. */
  promote(): void {
    const { raw, membership } = this.#deps;
    if (membership.confState.learners.length === 0) return;
    const { commit, progress } = raw.status();
    const change = planPromotion(membership, commit, (raftId) => progress.get(raftId));
    // Refused while another change is under way: tried again at the next tick.
    if (change !== undefined) raw.proposeConfChange(encodeMemberChange(change));
  }

  async #change(plan: () => MemberChange | undefined): Promise<void> {
    const { raw, proposals, waiters, clock, mustRun, isLeader, leader, wake } = this.#deps;
    const { answerMs, tickMs } = this.#options;
    const deadlineMs = clock.monotonic() + answerMs;
    for (;;) {
      mustRun();
      if (!isLeader()) throw notLeader(leader());
      const change = plan();
      if (change === undefined) return;
      const outcome = raw.proposeConfChange(encodeMemberChange(change));
      if (outcome.kind === "appended") {
        const answerBy = clock.monotonic() + answerMs;
        const applied = proposals.wait(outcome.index, outcome.term, answerBy);
        wake();
        await applied;
        return;
      }
      const error = errorOfDrop(outcome.reason, leader());
      const nowMs = clock.monotonic();
      if (outcome.reason !== "pending-change" || nowMs >= deadlineMs) throw error;
      const appliedBefore = this.#deps.applied();
      const retry = (): boolean =>
        this.#deps.applied() > appliedBefore || clock.monotonic() >= nowMs + tickMs;
      await waiters.until(retry, deadlineMs, () => error);
    }
  }

  #successor(): number | undefined {
    const { raw, membership, reachable } = this.#deps;
    const { progress } = raw.status();
    let best: { raftId: number; match: number } | undefined;
    for (const raftId of membership.confState.voters) {
      const known = progress.get(raftId);
      if (raftId === this.#options.raftId || known === undefined || !reachable(raftId)) continue;
      if (best === undefined || known.match > best.match) best = { raftId, match: known.match };
    }
    return best?.raftId;
  }
}
