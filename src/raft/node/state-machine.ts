/** What the group agrees on, seen from raft: bytes in order. */
export interface StateMachine {
  /**
   * Deterministic and synchronous. The returned value settles the proposal made on this node; a thrown
   * ClusterError rejects it. Anything else that is thrown stops the node.
   */
  apply(entry: AppliedEntry): unknown;
  /** The state as of this call, in chunks of at most 1 MiB. */
  snapshot(): AsyncIterable<Uint8Array>;
  /** Replaces the state. Nothing is applied meanwhile. */
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void>;
}

export interface AppliedEntry {
  readonly index: number;
  readonly term: number;
  readonly data: Uint8Array;
}
