import { assert } from "../../src/base/assert.ts";
import { ClusterError } from "../../src/base/errors.ts";
import type { Entry, HardState } from "../../src/raft/core/types.ts";
import type {
  LoadedLog,
  LogPosition,
  LogWrite,
  RaftStorage,
} from "../../src/raft/storage/raft-storage.ts";
import type {
  SnapshotInfo,
  SnapshotStore,
  StoredSnapshot,
} from "../../src/raft/storage/snapshot-store.ts";

interface Contents {
  readonly hardState: HardState;
  readonly truncated: LogPosition;
  readonly entries: readonly Entry[];
}

/** A disk of one member: survives its node, and loses what was not synced at `crash()`. */
export class MemoryDisk {
  #written: Contents = {
    hardState: { term: 0, vote: 0, commit: 0 },
    truncated: { index: 0, term: 0 },
    entries: [],
  };
  #synced: Contents = this.#written;
  readonly snapshots = new MemorySnapshots();
  /** Fails the next writes with this error. */
  failure: Error | undefined;
  /** Called before each write; the write waits for the promise. */
  beforeWrite: (() => Promise<void>) | undefined;
  writes = 0;

  open(): RaftStorage {
    let busy = false;
    let failed = false;
    const change = async (sync: boolean, next: (now: Contents) => Contents): Promise<void> => {
      assert(!busy, "the raft log takes one write at a time");
      busy = true;
      try {
        if (this.beforeWrite !== undefined) await this.beforeWrite();
        else await Promise.resolve();
        if (this.failure !== undefined || failed) {
          failed = true;
          throw new ClusterError("INTERNAL", "cannot write the raft log: EIO");
        }
        this.writes += 1;
        this.#written = next(this.#written);
        if (sync) this.#synced = this.#written;
      } finally {
        busy = false;
      }
    };
    return {
      load: (): LoadedLog => this.#written,
      write: (write) => change(write.sync, (now) => applyWrite(now, write)),
      compact: (index) => change(true, (now) => compacted(now, index)),
      close: async () => {},
    };
  }

  crash(): void {
    this.#written = this.#synced;
  }

  get lastIndex(): number {
    return this.#written.truncated.index + this.#written.entries.length;
  }

  get truncated(): LogPosition {
    return this.#written.truncated;
  }
}

function applyWrite(now: Contents, { hardState, entries, restart }: LogWrite): Contents {
  const truncated = restart ?? now.truncated;
  const kept = restart === undefined ? now.entries : [];
  const first = entries[0]?.index ?? truncated.index + kept.length + 1;
  const keep = first - truncated.index - 1;
  assert(keep >= 0 && keep <= kept.length, `entry ${first} does not continue the log`);
  const all = entries.length === 0 ? kept : [...kept.slice(0, keep), ...entries];
  const state = hardState ?? now.hardState;
  assert(state.commit <= truncated.index + all.length, "commit is beyond the log");
  return { hardState: state, truncated, entries: all };
}

function compacted(now: Contents, index: number): Contents {
  const count = index - now.truncated.index;
  if (count <= 0) return now;
  const last = now.entries[count - 1];
  assert(last !== undefined, `cannot compact to ${index}`);
  return { ...now, truncated: { index, term: last.term }, entries: now.entries.slice(count) };
}

/** Snapshots in memory. */
export class MemorySnapshots implements SnapshotStore {
  readonly #kept = new Map<string, { snapshot: StoredSnapshot; chunks: Uint8Array[] }>();

  async save(info: SnapshotInfo, chunks: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    const kept: Uint8Array[] = [];
    for await (const chunk of chunks) kept.push(chunk);
    const sizeBytes = kept.reduce((sum, chunk) => sum + chunk.length, 0);
    const snapshot = { ...info, sizeBytes };
    this.#kept.set(keyOf(info), { snapshot, chunks: kept });
    return snapshot;
  }

  async list(): Promise<readonly StoredSnapshot[]> {
    return [...this.#kept.values()]
      .map(({ snapshot }) => snapshot)
      .sort((a, b) => b.index - a.index || b.term - a.term);
  }

  async *read(snapshot: StoredSnapshot): AsyncGenerator<Uint8Array, void, void> {
    const found = this.#kept.get(keyOf(snapshot));
    if (found === undefined) throw new ClusterError("NOT_FOUND", "the snapshot was removed");
    yield* found.chunks;
  }

  async prune(index: number, keep: number): Promise<void> {
    const old = (await this.list()).filter((snapshot) => snapshot.index <= index).slice(keep);
    for (const snapshot of old) await this.remove(snapshot);
  }

  async remove(snapshot: StoredSnapshot): Promise<void> {
    this.#kept.delete(keyOf(snapshot));
  }
}

function keyOf({ index, term }: SnapshotInfo): string {
  return `${index}-${term}`;
}
