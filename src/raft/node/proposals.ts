import { ClusterError } from "../../base/errors.ts";

interface Pending {
  readonly term: number;
  readonly deadlineMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ClusterError) => void;
}

/** Proposals of this node under way. */
const proposalsMax = 20_000;
/** Data of one proposal. */
const proposalBytesMax = 16 * 1024 * 1024;

/** INVALID_ARGUMENT for data that the group cannot agree on. */
export function checkProposal(data: Uint8Array): void {
  if (data.length > 0 && data.length <= proposalBytesMax) return;
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `a change of ${data.length} bytes cannot be agreed on; at most ${proposalBytesMax} are possible`,
  );
}

/**
 * Proposals of this node that wait for their entry, by the place they were given in the log. A
 * proposal fails only when its entry provably never takes effect; as long as that is open it waits,
 * and when it has waited too long the answer says that the outcome is unknown.
 */
export class Proposals {
  readonly #pending = new Map<number, Pending>();

  /** No more are taken until some have been answered. */
  get isFull(): boolean {
    return this.size >= proposalsMax;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Waits for the entry at `index` and `term`. Deadlines must not decrease from call to call. */
  wait(index: number, term: number, deadlineMs: number): Promise<unknown> {
    // An entry of our own earlier term at this place was overwritten, or this one had another index.
    this.#pending.get(index)?.reject(overwritten());
    this.#pending.delete(index);
    return new Promise((resolve, reject) => {
      this.#pending.set(index, { term, deadlineMs, resolve, reject });
    });
  }

  /** Whether someone waits for the entry at `index`. */
  has(index: number): boolean {
    return this.#pending.has(index);
  }

  /** The entry at `index` and `term` took effect with this result, or was refused by the state machine. */
  settle(index: number, term: number, outcome: { value: unknown } | { error: ClusterError }): void {
    const pending = this.#pending.get(index);
    if (pending === undefined) return;
    this.#pending.delete(index);
    if (pending.term !== term) pending.reject(overwritten());
    else if ("error" in outcome) pending.reject(outcome.error);
    else pending.resolve(outcome.value);
  }

  /** The state up to `index` came by a snapshot: whether those entries were in it is not known. */
  skipTo(index: number): void {
    for (const [at, pending] of this.#pending) {
      if (at > index) continue;
      this.#pending.delete(at);
      pending.reject(unknownOutcome("this manager took over the state by a snapshot"));
    }
  }

  /** Gives up on those that have waited until `nowMs`. */
  expire(nowMs: number): void {
    for (const [at, pending] of this.#pending) {
      if (pending.deadlineMs > nowMs) return; // in order of deadline
      this.#pending.delete(at);
      pending.reject(unknownOutcome("more than half of the managers did not confirm it in time"));
    }
  }

  /** Gives up on all. */
  abandon(reason: string): void {
    for (const pending of this.#pending.values()) pending.reject(unknownOutcome(reason));
    this.#pending.clear();
  }
}

/** UNAVAILABLE for a change that may or may not have been made. */
function unknownOutcome(reason: string): ClusterError {
  return new ClusterError(
    "UNAVAILABLE",
    `${reason}: the change may have been made or not; look before trying again`,
    { details: { outcome: "unknown" } },
  );
}

/** NOT_LEADER for a change that was certainly not made. */
function overwritten(): ClusterError {
  return new ClusterError(
    "NOT_LEADER",
    "this manager lost the leadership before the change was agreed on; it was not made",
  );
}
