import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { SoftState } from "../core/types.ts";
import type { RaftMember } from "../storage/snapshot-store.ts";
import type { LeadershipEvent } from "./raft-node-options.ts";

/** How this node stands in the group, as of now, and those who want to hear of changes. */
export class Standing {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #leadershipListeners = new Set<(event: LeadershipEvent) => void>();
  readonly #memberListeners = new Set<(members: readonly RaftMember[]) => void>();
  #soft: SoftState = { leaderId: 0, role: "follower" };
  #term: number;
  #leading = false;
  #leaderlessSinceMs: number | undefined;

  constructor(term: number, { clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#term = term;
    this.#clock = clock;
    this.#log = log;
    this.#leaderlessSinceMs = clock.monotonic();
  }

  /** The core's leader: of this node too as soon as it has won, before it may serve. */
  get isLeader(): boolean {
    return this.#soft.role === "leader";
  }

  /** It leads and has applied all that was agreed on before. */
  get isLeading(): boolean {
    return this.#leading;
  }

  /** 0 = none known. */
  get leaderId(): number {
    return this.#soft.leaderId;
  }

  /** For how long no leader has been known, milliseconds. */
  get leaderlessMs(): number {
    const sinceMs = this.#leaderlessSinceMs;
    return sinceMs === undefined ? 0 : this.#clock.monotonic() - sinceMs;
  }

  onLeadership(listener: (event: LeadershipEvent) => void): () => void {
    this.#leadershipListeners.add(listener);
    return () => this.#leadershipListeners.delete(listener);
  }

  onMembers(listener: (members: readonly RaftMember[]) => void): () => void {
    this.#memberListeners.add(listener);
    return () => this.#memberListeners.delete(listener);
  }

  enterTerm(term: number): void {
    this.#term = term;
  }

  /** Takes over what the core says. True when this node has just stopped being the leader. */
  change(soft: SoftState): boolean {
    const before = this.#soft;
    this.#soft = soft;
    if (soft.leaderId !== 0) this.#leaderlessSinceMs = undefined;
    else this.#leaderlessSinceMs ??= this.#clock.monotonic();
    const wasLeading = this.#leading;
    if (soft.role !== "leader") this.#leading = false;
    if (soft.leaderId !== before.leaderId || wasLeading !== this.#leading) {
      this.#log.info({ leaderId: soft.leaderId, role: soft.role, term: this.#term }, "raft leader");
      this.#tellLeadership();
    }
    return before.role === "leader" && soft.role !== "leader";
  }

  /** An entry of `term` was applied: the first of its own term makes a leader lead. */
  applied(term: number, index: number): void {
    if (this.#leading || this.#soft.role !== "leader" || term !== this.#term) return;
    this.#leading = true;
    this.#log.info({ term, index }, "this manager leads");
    this.#tellLeadership();
  }

  /** It takes no further part. */
  resign(): void {
    this.#soft = { leaderId: 0, role: "follower" };
    const wasLeading = this.#leading;
    this.#leading = false;
    if (wasLeading) this.#tellLeadership();
  }

  tellMembers(members: readonly RaftMember[]): void {
    for (const listener of this.#memberListeners) listener(members);
  }

  #tellLeadership(): void {
    const event = { isLeader: this.#leading, term: this.#term, leaderId: this.#soft.leaderId };
    for (const listener of this.#leadershipListeners) listener(event);
  }
}
