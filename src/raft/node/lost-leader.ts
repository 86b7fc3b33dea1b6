import type { RawNode } from "../core/raw-node.ts";
import type { RaftStatus } from "../core/status.ts";
import type { ConfState } from "../core/types.ts";

/** Between the turns of two members: an election of the first is over by then, and the second need not try. */
const ticksApart = 3;
/** Later turns would come no sooner than an election timeout. */
const turnsMax = 3;
/** After so many it is left to the election timeout: too few members are there. */
const roundsMax = 5;

/** What of the core it needs. */
export interface LostLeaderCore extends Pick<RawNode, "campaign" | "forgetLeader" | "tick"> {
  status(): Pick<RaftStatus, "id" | "role" | "term" | "leaderId" | "isRefused"> & {
    readonly confState: Pick<ConfState, "voters">;
  };
}

/**
 * A follower whose leader's process is gone (its port refuses connections) need not sit out an election timeout: it forgets the
 * leader, so that it votes, and campaigns by a pre-vote when it is its turn among the voters, who all notice at about the same
 * time; and again as long as nobody leads: who has not noticed yet is deaf to the first, only the longer log can win, and votes may
 * be split. Should the leader live, its next heartbeat ends that.
 */
export class LostLeader {
  readonly #raw: LostLeaderCore;
  /** Ticks until it campaigns. */
  #wait: number | undefined;
  #term = 0;
  #turn = 0;
  #rounds = 0;

  constructor(raw: LostLeaderCore) {
    this.#raw = raw;
  }

  /** The process of this member is gone. */
  gone(raftId: number): void {
    const { id, role, term, leaderId, confState } = this.#raw.status();
    if (role !== "follower" || leaderId !== raftId) return;
    this.#raw.forgetLeader();
    this.#term = term;
    const turn = confState.voters.filter((voter) => voter !== raftId && voter < id).length;
    this.#turn = Math.min(turn, turnsMax);
    this.#wait = 1 + ticksApart * this.#turn;
    this.#rounds = roundsMax;
  }

  /** One unit of time for the core. */
  tick(): void {
    this.#raw.tick();
    if (this.#wait === undefined) return;
    const { role, term, leaderId, isRefused } = this.#raw.status();
    // Another's election has begun: a campaign now would depose the one who is about to win it.
    if (term !== this.#term && role === "follower") this.#wait = this.#nextWait() + 1;
    this.#term = term;
    this.#rounds = role === "leader" || leaderId !== 0 ? 0 : this.#rounds;
    this.#wait = this.#rounds === 0 ? undefined : this.#wait - 1;
    if (this.#wait !== 0) return;
    // Votes that may still come take their time on slow disks; where one is refused, another member had its vote or its turn.
    if (role !== "candidate" || isRefused) this.#raw.campaign();
    this.#rounds -= 1;
    this.#wait = this.#nextWait();
  }

  // Of two that tried at the same time the first one comes first now.
  #nextWait(): number {
    return ticksApart * (2 + this.#turn);
  }
}
