import { type Random, randomInteger } from "../../base/random.ts";
import type { RawNode } from "../core/raw-node.ts";

/** Members notice at about the same time: they campaign after one of so many ticks, so that few collide. */
const spreadTicks = 3;

/**
 * A follower whose leader's process is gone (its port refuses connections) need not sit out an election timeout: it forgets the
 * leader, so that it votes, and campaigns within a few ticks, by a pre-vote. Should the leader live, its next heartbeat ends that.
 */
export class LostLeader {
  readonly #raw: Pick<RawNode, "campaign" | "forgetLeader" | "status" | "tick">;
  readonly #random: Random;
  /** Ticks until it campaigns. */
  #wait: number | undefined;

  constructor(raw: Pick<RawNode, "campaign" | "forgetLeader" | "status" | "tick">, random: Random) {
    this.#raw = raw;
    this.#random = random;
  }

  /** The process of this member is gone. */
  gone(raftId: number): void {
    const { role, leaderId } = this.#raw.status();
    if (role !== "follower" || leaderId !== raftId) return;
    this.#raw.forgetLeader();
    this.#wait = randomInteger(this.#random, 1, spreadTicks);
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
