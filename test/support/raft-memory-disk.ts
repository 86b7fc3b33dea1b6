import { assert } from "../../src/base/assert.ts";
import { ClusterError } from "../../src/base/errors.ts";
import type { LoadedLog, LogPosition, RaftStorage } from "../../src/raft/storage/raft-storage.ts";
import type {
  SnapshotInfo,
  SnapshotStore,
  StoredSnapshot,
} from "../../src/raft/storage/snapshot-store.ts";
import { afterWrite, compacted, emptyLog, type LogContents } from "./log-contents.ts";

/** A disk of one member: survives its node, and loses what was not synced at `crash()`. */
export class MemoryDisk {
  #written: LogContents = emptyLog;
  #synced: LogContents = this.#written;
  readonly snapshots = new MemorySnapshots();
  /** Fails the next writes with this error. */
  failure: Error | undefined;
  /** Called before each write; the write waits for the promise. */
  beforeWrite: (() => Promise<void>) | undefined;
  writes = 0;

  open(): RaftStorage {
    let busy = false;
    let failed = false;
    const change = async (
      sync: boolean,
      next: (now: LogContents) => LogContents,
    ): Promise<void> => {
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
      write: (write) => change(write.sync, (now) => afterWrite(now, write)),
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
