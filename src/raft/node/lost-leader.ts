import type { RawNode } from "../core/raw-node.ts";
import type { RaftStatus } from "../core/status.ts";
import type { ConfState } from "../core/types.ts";

/** Between the turns of two members: an election of the first is over by then, and the second need not try. */
const ticksApart = 3;
/** Later turns would come no sooner than an election timeout. */
const turnsMax = 3;

/** What of the core it needs. */
export interface LostLeaderCore extends Pick<RawNode, "campaign" | "forgetLeader" | "tick"> {
  status(): Pick<RaftStatus, "id" | "role" | "leaderId"> & {
    readonly confState: Pick<ConfState, "voters">;
  };
}

/**
 * A follower whose leader's process is gone (its port refuses connections) need not sit out an election timeout: it forgets the
 * leader, so that it votes, and campaigns by a pre-vote when it is its turn among the voters, who all notice at about the same
 * time. Should the leader live, its next heartbeat ends that.
 */
export class LostLeader {
  readonly #raw: LostLeaderCore;
  /** Ticks until it campaigns. */
  #wait: number | undefined;

  constructor(raw: LostLeaderCore) {
    this.#raw = raw;
  }

  /** The process of this member is gone. */
  gone(raftId: number): void {
    const { id, role, leaderId, confState } = this.#raw.status();
    if (role !== "follower" || leaderId !== raftId) return;
    this.#raw.forgetLeader();
    const turn = confState.voters.filter((voter) => voter !== raftId && voter < id).length;
    this.#wait = 1 + ticksApart * Math.min(turn, turnsMax);
  }

  /** One unit of time for the core. */
  tick(): void {
    this.#raw.tick();
    if (this.#wait === undefined) return;
    const { role, leaderId } = this.#raw.status();
    if (role !== "follower" || leaderId !== 0) {
      this.#wait = undefined;
      return;
    }
    this.#wait -= 1;
    if (this.#wait > 0) return;
    this.#wait = undefined;
    this.#raw.campaign();
  }
}
