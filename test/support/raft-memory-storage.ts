import { assert, must } from "../../src/base/assert.ts";
import { limitBytes } from "../../src/raft/core/log/raft-log.ts";
import type { Storage } from "../../src/raft/core/storage.ts";
import type {
  ConfState,
  Entry,
  HardState,
  Ready,
  SnapshotMetadata,
} from "../../src/raft/core/types.ts";

export const noConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** A ConfState of voters and learners. */
export function aConfState(voters: readonly number[], learners: readonly number[] = []): ConfState {
  return { ...noConfState, voters, learners };
}

/** A log in memory, for tests of the core. What is in it counts as durable. */
export class RaftMemoryStorage implements Storage {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  /** As of the snapshot, or the start. */
  confState: ConfState;
  truncated = { index: 0, term: 0 };
  log: Entry[] = [];
  newestSnapshot: SnapshotMetadata | undefined;

  constructor(confState: ConfState = noConfState) {
    this.confState = confState;
  }

  initialState(): { hardState: HardState; confState: ConfState } {
    return {
      hardState: this.hardState,
      confState: this.newestSnapshot?.confState ?? this.confState,
    };
  }

  entries(low: number, high: number, bytesMax: number): readonly Entry[] | undefined {
    if (low < this.firstIndex()) return undefined;
    assert(high <= this.lastIndex() + 1, `entries to ${high} are not here`);
    const first = this.firstIndex();
    return limitBytes(this.log.slice(low - first, high - first), bytesMax);
  }

  term(index: number): number | undefined {
    if (index === this.truncated.index) return this.truncated.term;
    return this.log[index - this.firstIndex()]?.term;
  }

  firstIndex(): number {
    return this.truncated.index + 1;
  }

  lastIndex(): number {
    return this.truncated.index + this.log.length;
  }

  snapshot(): SnapshotMetadata | undefined {
    return this.newestSnapshot;
  }

  /** What a driver writes for a Ready. */
  write({ snapshot, entries, hardState }: Ready): void {
    if (snapshot !== undefined) {
      this.truncated = { index: snapshot.index, term: snapshot.term };
      this.log = [];
      this.newestSnapshot = snapshot;
      this.confState = snapshot.confState;
    }
    const first = entries[0];
    if (first !== undefined) {
      assert(first.index <= this.lastIndex() + 1, `entry ${first.index} leaves a gap`);
      assert(first.index > this.truncated.index, `entry ${first.index} was compacted`);
      this.log = [...this.log.slice(0, first.index - this.firstIndex()), ...entries];
    }
    if (hardState !== undefined) this.hardState = hardState;
    assert(this.hardState.commit <= this.lastIndex(), "the commit index is beyond the log");
  }

  /** Takes a snapshot of what was applied at `index`, and drops entries up to `keepFrom`. */
  compact(index: number, confState: ConfState, keepFrom: number): void {
    this.newestSnapshot = { index, term: must(this.term(index), "snapshot's term"), confState };
    const cut = Math.min(keepFrom, index);
    if (cut <= this.truncated.index) return;
    const term = must(this.term(cut), "cut's term");
    this.log = this.log.slice(cut - this.truncated.index);
    this.truncated = { index: cut, term };
  }

  /** What a restart would find, were the process to die now. */
  clone(): RaftMemoryStorage {
    const copy = new RaftMemoryStorage(this.confState);
    copy.hardState = this.hardState;
    copy.truncated = this.truncated;
    copy.log = [...this.log];
    copy.newestSnapshot = this.newestSnapshot;
    return copy;
  }
}
