import { type MemberConfig, memberIds } from "../confchange/member-config.ts";
import { jointCommittedIndex, jointVoteResult } from "../quorum/joint.ts";
import type { VoteResult } from "../quorum/majority.ts";
import { Progress } from "./progress.ts";

export interface TrackerLimits {
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
}

/** The members, what is known of each, and who voted in the election under way. */
export class Tracker {
  readonly #limits: TrackerLimits;
  #config: MemberConfig;
  #progress = new Map<number, Progress>();
  readonly #votes = new Map<number, boolean>();

  constructor(config: MemberConfig, limits: TrackerLimits) {
    this.#config = config;
    this.#limits = limits;
  }

  get config(): MemberConfig {
    return this.#config;
  }

  /** By ascending id. */
  get progress(): ReadonlyMap<number, Progress> {
    return this.#progress;
  }

  /** Goes on with what is known of members that stay; new ones start at `next`. */
  setConfig(config: MemberConfig, next: number): void {
    const old = this.#progress;
    this.#config = config;
    this.#progress = new Map();
    for (const id of memberIds(config)) {
      this.#progress.set(id, old.get(id) ?? this.#newProgress(next));
    }
  }

  /** Knows nothing of anybody. */
  reset(next: number): void {
    this.#votes.clear();
    this.#progress.clear();
    for (const id of memberIds(this.#config)) this.#progress.set(id, this.#newProgress(next));
  }

  /** What a quorum holds. */
  committed(): number {
    return jointCommittedIndex(this.#config, (id) => this.#progress.get(id)?.match);
  }

  /** The read counter a quorum has echoed. */
  readConfirmed(): number {
    return jointCommittedIndex(this.#config, (id) => this.#progress.get(id)?.readAck);
  }

  /** Whether a quorum was heard from since `markInactive`. */
  quorumActive(): boolean {
    const active = new Map<number, boolean>();
    for (const [id, progress] of this.#progress) active.set(id, progress.recentActive);
    return jointVoteResult(this.#config, active) === "won";
  }

  /** All but `self` must be heard from again. */
  markInactive(self: number): void {
    for (const [id, progress] of this.#progress) progress.recentActive = id === self;
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first answer of a member counts. */
  recordVote(id: number, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  /** Whether somebody has refused a vote. */
  get isRefused(): boolean {
    return [...this.#votes.values()].includes(false);
  }

  voteResult(): VoteResult {
    return jointVoteResult(this.#config, this.#votes);
  }

  #newProgress(next: number): Progress {
    return new Progress(next, this.#limits.inflightMessagesMax, this.#limits.inflightBytesMax);
  }
}
