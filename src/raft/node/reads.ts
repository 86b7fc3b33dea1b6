import type { ClusterError } from "../../base/errors.ts";

interface Read {
  readonly deadlineMs: number;
  readonly resolve: (index: number) => void;
  readonly reject: (error: ClusterError) => void;
}

/**
 * Linearizable reads of this node. All that come while a round of heartbeats is under way share the
 * next round: joining the one under way could miss a write that was acknowledged before the read came.
 */
export class Reads {
  #next: Read[] = [];
  #round: { readonly id: number; readonly reads: Read[]; readonly startedMs: number } | undefined;
  #confirmed: { readonly index: number; readonly reads: Read[] }[] = [];
  #rounds = 0;

  /** Waits until a round that starts from now on is confirmed and applied. */
  wait(deadlineMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#next.push({ deadlineMs, resolve, reject });
    });
  }

  /** The id of a round to start now, if one should be; `retryMs` is when one counts as lost. */
  start(nowMs: number, retryMs: number): number | undefined {
    const lost = this.#round !== undefined && nowMs - this.#round.startedMs >= retryMs;
    if (lost && this.#round !== undefined) {
      this.#next = [...this.#round.reads, ...this.#next];
      this.#round = undefined;
    }
    if (this.#round !== undefined || this.#next.length === 0) return undefined;
    this.#rounds += 1;
    this.#round = { id: this.#rounds, reads: this.#next, startedMs: nowMs };
    this.#next = [];
    return this.#rounds;
  }

  /** A majority has confirmed the round: its reads may be served once `index` is applied. */
  confirm(id: number, index: number, appliedIndex: number): void {
    if (this.#round?.id !== id) return;
    this.#confirmed.push({ index, reads: this.#round.reads });
    this.#round = undefined;
    this.applied(appliedIndex);
  }

  /** The round will not be answered: its reads go with the next one. */
  lost(id: number): void {
    if (this.#round?.id !== id) return;
    this.#next = [...this.#round.reads, ...this.#next];
    this.#round = undefined;
  }

  /** Serves the confirmed reads whose index is reached. */
  applied(appliedIndex: number): void {
    if (this.#confirmed.length === 0) return;
    const ready = this.#confirmed.filter(({ index }) => index <= appliedIndex);
    this.#confirmed = this.#confirmed.filter(({ index }) => index > appliedIndex);
    for (const { index, reads } of ready) for (const read of reads) read.resolve(index);
  }

  /** Rejects those that have waited until `nowMs`. */
  expire(nowMs: number, error: () => ClusterError): void {
    const keep = (read: Read): boolean => {
      if (read.deadlineMs > nowMs) return true;
      read.reject(error());
      return false;
    };
    this.#next = this.#next.filter(keep);
    this.#confirmed = this.#confirmed.map((group) => ({
      index: group.index,
      reads: group.reads.filter(keep),
    }));
    if (this.#round !== undefined) {
      this.#round = { ...this.#round, reads: this.#round.reads.filter(keep) };
    }
  }

  /** Rejects all: reads change nothing, so that they may always be tried again. */
  fail(error: ClusterError): void {
    const groups = [this.#next, this.#round?.reads ?? [], ...this.#confirmed.map((g) => g.reads)];
    this.#next = [];
    this.#round = undefined;
    this.#confirmed = [];
    for (const read of groups.flat()) read.reject(error);
  }
}

/** A round's id as the context that travels with the heartbeats. */
export function readContext(id: number): Uint8Array {
  const context = Buffer.alloc(6);
  context.writeUIntBE(id, 0, 6);
  return context;
}

/** The id in a context made by `readContext`. */
export function readIdOf(context: Uint8Array): number {
  return Buffer.from(context).readUIntBE(0, 6);
}
