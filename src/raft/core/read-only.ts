/** A read that waits for the leader to prove that it still leads. */
export interface PendingRead {
  /** Whom to answer: this node, or the follower that asked. */
  readonly from: number;
  readonly context: Uint8Array;
}

interface CountedRead extends PendingRead {
  readonly counter: number;
  readonly index: number;
}

/** Reads that wait at a leader; more are refused. */
export const pendingReadsMax = 10_000;

/**
 * Read index (Ongaro's thesis §6.4). Each read takes the next value of a counter that this leader
 * alone raises; heartbeats carry it and answers echo it. An echo proves that the leader was obeyed
 * after the read came in, which an echo of what the client chose would not: that may be a duplicate.
 */
export class ReadOnly {
  #counter = 0;
  #counted: CountedRead[] = [];
  /** Came in before the first commit of this term, when the commit index may be behind. */
  #early: PendingRead[] = [];

  /** The value that heartbeats carry; 0 before the first read. */
  get counter(): number {
    return this.#counter;
  }

  get waiting(): number {
    return this.#counted.length + this.#early.length;
  }

  /** The read waits for the term's first commit. False when too many wait. */
  addEarly(read: PendingRead): boolean {
    if (this.waiting >= pendingReadsMax) return false;
    this.#early.push(read);
    return true;
  }

  /** The read may see `index` once a heartbeat with the new counter is echoed by a quorum. */
  add(read: PendingRead, index: number): boolean {
    if (this.waiting >= pendingReadsMax) return false;
    this.#counter += 1;
    this.#counted.push({ ...read, index, counter: this.#counter });
    return true;
  }

  /** Takes those that waited for the term's first commit. */
  takeEarly(): readonly PendingRead[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  /** Takes the reads that a quorum's echo of `counter` proves. */
  takeConfirmed(counter: number): readonly (PendingRead & { readonly index: number })[] {
    const end = this.#counted.findIndex((read) => read.counter > counter);
    return this.#counted.splice(0, end < 0 ? this.#counted.length : end);
  }

  /** Takes all that wait, as this node does not lead any more. */
  clear(): readonly PendingRead[] {
    const all = [...this.#counted, ...this.#early];
    this.#counted = [];
    this.#early = [];
    this.#counter = 0;
    return all;
  }
}

/** A counter as the context of a heartbeat; 0 is no context. */
export function encodeCounter(counter: number): Uint8Array {
  if (counter === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(counter / 2 ** 32));
  view.setUint32(4, counter % 2 ** 32);
  return bytes;
}

/** 0 for what is not a counter. */
export function decodeCounter(bytes: Uint8Array): number {
  if (bytes.length !== 8) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}
