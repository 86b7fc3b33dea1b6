import { ClusterError } from "../../base/errors.ts";
import type { Entry, SnapshotMetadata } from "../core/types.ts";
import { decodeMemberChange, type MemberChange } from "../storage/conf-change-codec.ts";
import type { Proposals } from "./proposals.ts";
import type { StateMachine } from "./state-machine.ts";

export interface ApplierDeps {
  readonly stateMachine: StateMachine;
  readonly proposals: Proposals;
  /** Puts a change of the configuration into effect. */
  readonly onMemberChange: (change: MemberChange, index: number) => void;
  /** Everything up to this entry is applied; `bytes` of data since the last call. */
  readonly onApplied: (last: Entry, bytes: number) => void;
  /** Replaces the state by that of a snapshot. */
  readonly restore: (snapshot: SnapshotMetadata) => Promise<void>;
  readonly onRestored: (snapshot: SnapshotMetadata) => void;
  /** The state machine broke: this node cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/** Applied in one go, whichever comes first; then the event loop gets a turn. 1 KiB of changes takes about 40 µs. */
const sliceEntries = 256;
const sliceBytes = 64 * 1024;

/**
 * Applies committed entries in order. Synchronous as long as little is to be done, so that an entry
 * costs no turn of the event loop.
 */
export class Applier {
  readonly #deps: ApplierDeps;
  #queue: Entry[] = [];
  #snapshot: SnapshotMetadata | undefined;
  #paused = false;
  #stopped = false;

  constructor(deps: ApplierDeps) {
    this.#deps = deps;
  }

  apply(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.#queue = this.#queue.length === 0 ? [...entries] : this.#queue.concat(entries);
    this.#run();
  }

  /** Replaces the state; work queued for entries that the snapshot contains is dropped. */
  install(snapshot: SnapshotMetadata): void {
    this.#queue = this.#queue.filter((entry) => entry.index > snapshot.index);
    this.#snapshot = snapshot;
    this.#run();
  }

  stop(): void {
    this.#stopped = true;
  }

  #run(): void {
    while (!this.#paused && !this.#stopped) {
      if (this.#snapshot !== undefined) {
        const snapshot = this.#snapshot;
        this.#snapshot = undefined;
        this.#paused = true;
        void this.#restore(snapshot);
        return;
      }
      const slice = this.#queue.splice(0, sliceOf(this.#queue));
      const last = slice.at(-1);
      if (last === undefined) return;
      let bytes = 0;
      try {
        for (const entry of slice) {
          this.#applyOne(entry);
          bytes += entry.data.length;
        }
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (this.#queue.length > 0) {
        this.#paused = true;
        setImmediate(() => this.#resume());
      }
      this.#deps.onApplied(last, bytes);
    }
  }

  #applyOne(entry: Entry): void {
    const { stateMachine, proposals, onMemberChange } = this.#deps;
    const { index, term, data } = entry;
    if (entry.type === "conf-change") {
      onMemberChange(decodeMemberChange(data), index);
      proposals.settle(index, term, { value: undefined });
      return;
    }
    if (data.length === 0) {
      proposals.settle(index, term, { value: undefined });
      return;
    }
    let outcome: { value: unknown } | { error: ClusterError };
    try {
      outcome = { value: stateMachine.apply({ index, term, data }) };
    } catch (error) {
      // A refusal is the same on every member. Anything else means that ours has gone wrong.
      if (!(error instanceof ClusterError)) throw error;
      outcome = { error };
    }
    proposals.settle(index, term, outcome);
  }

  async #restore(snapshot: SnapshotMetadata): Promise<void> {
    try {
      await this.#deps.restore(snapshot);
      if (this.#stopped) return;
      this.#deps.proposals.skipTo(snapshot.index);
      this.#deps.onRestored(snapshot);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#resume();
  }

  #resume(): void {
    this.#paused = false;
    this.#run();
  }

  #fail(error: unknown): void {
    this.#stopped = true;
    this.#deps.onFailure(error);
  }
}

/** How many of the first entries make a slice; one at least. */
function sliceOf(queue: readonly Entry[]): number {
  let bytes = 0;
  let count = 0;
  for (const { data } of queue) {
    bytes += data.length;
    if (count > 0 && (count === sliceEntries || bytes > sliceBytes)) break;
    count += 1;
  }
  return count;
}
