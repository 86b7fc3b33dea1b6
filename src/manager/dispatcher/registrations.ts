import type { Clock } from "../../base/clock.ts";

/** Swarm's window; Swarm takes 3 in it. Our agents look for a leader sooner and more often, so an honest one needs more. */
const windowMs = 8_000;
const registrationsMax = 8;

/** Counts how often each node opens a session: each one is a write to the log, so that one node must not open them without end. */
export class Registrations {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #times = new Map<string, number[]>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Whether the node may open one more now; if so it is counted. */
  take(nodeId: string): boolean {
    const nowMs = this.#clock.monotonic();
    const recent = (this.#times.get(nodeId) ?? []).filter((atMs) => nowMs - atMs < windowMs);
    const isFree = recent.length < registrationsMax;
    if (isFree) recent.push(nowMs);
    this.#times.set(nodeId, recent);
    return isFree;
  }

  /** The node is gone. */
  forget(nodeId: string): void {
    this.#times.delete(nodeId);
  }
}
