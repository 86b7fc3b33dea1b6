import type { Clock, Timer } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";

/** A node is given up after this many periods without a heartbeat. */
export const graceFactor = 3;
/** After a change of leader: agents look for the new one at least once a second, so two periods are plenty, and a host that died together
 * with the leader is noticed no later than any other. */
export const unknownGraceFactor = 2;
const jitterShare = 0.1;
/** A timer that is so late says that we stood still (suspended, overloaded), not that the nodes did: they get another chance. */
const stallMs = 2_000;

/** Knows of which nodes a heartbeat is overdue. */
export class Heartbeats {
  readonly #clock: Clock;
  readonly #onOverdue: (nodeId: string) => void;
  readonly #timers = new Map<string, Timer>();

  constructor(deps: { readonly clock: Clock; readonly onOverdue: (nodeId: string) => void }) {
    this.#clock = deps.clock;
    this.#onOverdue = deps.onOverdue;
  }

  /** The node was heard of; it must be heard of again within `graceMs`. */
  beat(nodeId: string, graceMs: number): void {
    this.#timers.get(nodeId)?.cancel();
    const dueMs = this.#clock.monotonic() + graceMs;
    const timer = this.#clock.setTimer(graceMs, () => {
      if (this.#clock.monotonic() - dueMs > stallMs) {
        this.beat(nodeId, graceMs);
        return;
      }
      this.#timers.delete(nodeId);
      this.#onOverdue(nodeId);
    });
    this.#timers.set(nodeId, timer);
  }

  /** Whether the node is being waited for. */
  has(nodeId: string): boolean {
    return this.#timers.has(nodeId);
  }

  forget(nodeId: string): void {
    this.#timers.get(nodeId)?.cancel();
    this.#timers.delete(nodeId);
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

/** When a node should beat next: the period, give or take a tenth, so that nodes do not beat in step. */
export function nextBeatMs(periodMs: number, random: Random): number {
  return periodMs * (1 - jitterShare + 2 * jitterShare * random.float());
}
