import { assert } from "../../src/base/assert.ts";
import { ClusterError } from "../../src/base/errors.ts";
import { type Random, randomInteger } from "../../src/base/random.ts";
import type { LogWrite, RaftStorage } from "../../src/raft/storage/raft-storage.ts";
import type {
  SnapshotInfo,
  SnapshotStore,
  StoredSnapshot,
} from "../../src/raft/storage/snapshot-store.ts";
import { afterWrite, compacted, emptyLog, type LogContents, termIn } from "./log-contents.ts";
import type { SimProcess, Timeline } from "./sim-timeline.ts";

interface StoredFile {
  readonly snapshot: StoredSnapshot;
  readonly chunks: readonly Uint8Array[];
}

/**
 * A host's disk, as LevelDB and files of snapshots are: writes go one after another and each is whole or not there; a power loss
 * takes any number of the last ones that were not synced, and maybe the one under way.
 */
export class SimDisk {
  /** Milliseconds that a write takes now. */
  latency: { readonly minMs: number; readonly maxMs: number } = { minMs: 0.1, maxMs: 1 };
  /** Writes fail with it while set. */
  fault: "EIO" | "ENOSPC" | undefined;
  /** Told of each write that is there now, and of what was there before. */
  onWrite: (write: LogWrite, before: LogContents) => void = () => {};
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #syncs: boolean;
  #synced: LogContents = emptyLog;
  /** Writes since then, oldest first. */
  #unsynced: LogContents[] = [];
  #inFlight: { readonly change: (now: LogContents) => LogContents } | undefined;
  readonly #files = new Map<string, StoredFile>();

  /** `syncs`: false makes a disk that lies. */
  constructor(timeline: Timeline, random: Random, syncs = true) {
    this.#syncs = syncs;
    this.#timeline = timeline;
    this.#random = random;
  }

  get synced(): LogContents {
    return this.#synced;
  }

  get written(): LogContents {
    return this.#unsynced.at(-1) ?? this.#synced;
  }

  /** The term that the written log has at this index; undefined when it is not there (or compacted). */
  writtenTerm(index: number): number | undefined {
    return termIn(this.written, index);
  }

  syncedTerm(index: number): number | undefined {
    return termIn(this.#synced, index);
  }

  /** The process ended: what was written stays, the write under way may. */
  processEnded(): void {
    if (this.#inFlight !== undefined && this.#random.float() < 0.5) {
      this.#unsynced.push(this.#inFlight.change(this.written));
    }
    this.#inFlight = undefined;
  }

  /** As `processEnded`, and some of what was not synced is gone. True when something was lost. */
  powerLost(): boolean {
    this.processEnded();
    const before = this.#unsynced.length;
    this.#unsynced.length = randomInteger(this.#random, 0, before);
    const lost = before > this.#unsynced.length;
    // What survived is on the platter now.
    this.#synced = this.written;
    this.#unsynced = [];
    return lost;
  }

  /** The log, for one life of a process. */
  openLog(process: SimProcess): RaftStorage {
    // LevelDB makes durable at open what it finds in its log.
    this.#synced = this.written;
    this.#unsynced = [];
    let failed = false;
    const change = async (
      sync: boolean,
      next: (now: LogContents) => LogContents,
      write?: LogWrite,
    ): Promise<void> => {
      // What a dead process still does within its last step reaches nothing.
      if (!process.isAlive) return await never();
      assert(this.#inFlight === undefined, "one write at a time");
      if (failed) throw diskError(this.fault ?? "EIO");
      const inFlight = { change: next };
      this.#inFlight = inFlight;
      await this.#wait(process);
      this.#inFlight = undefined;
      if (this.fault !== undefined) {
        failed = true;
        // It may be there nevertheless; the one who asked must not count on either.
        if (this.#random.float() < 0.3) this.#unsynced.push(next(this.written));
        throw diskError(this.fault);
      }
      const before = this.written;
      this.#unsynced.push(next(before));
      if (sync && this.#syncs) {
        this.#synced = this.written;
        this.#unsynced = [];
      }
      if (write !== undefined) this.onWrite(write, before);
    };
    return {
      load: () => this.written,
      write: (write) => change(write.sync, (now) => afterWrite(now, write), write),
      compact: (index) => change(true, (now) => compacted(now, index)),
      close: async () => {},
    };
  }

  /** The snapshots, for one life of a process. */
  openSnapshots(process: SimProcess): SnapshotStore {
    const list = (): StoredSnapshot[] =>
      [...this.#files.values()]
        .map(({ snapshot }) => snapshot)
        .sort((a, b) => b.index - a.index || b.term - a.term);
    return {
      save: async (info, chunks) => {
        const kept: Uint8Array[] = [];
        for await (const chunk of chunks) kept.push(chunk);
        await this.#wait(process);
        if (!process.isAlive) return await never();
        if (this.fault !== undefined) throw diskError(this.fault);
        const sizeBytes = kept.reduce((sum, { length }) => sum + length, 0);
        const snapshot = { ...info, sizeBytes };
        this.#files.set(fileName(info), { snapshot, chunks: kept });
        return snapshot;
      },
      list: async () => list(),
      read: (snapshot) => readFile(this.#files.get(fileName(snapshot))),
      prune: async (index, keep) => {
        const old = list().filter((snapshot) => snapshot.index <= index);
        for (const snapshot of old.slice(keep)) this.#files.delete(fileName(snapshot));
      },
      remove: async (snapshot) => void this.#files.delete(fileName(snapshot)),
    };
  }

  #wait(process: SimProcess): Promise<void> {
    const { minMs, maxMs } = this.latency;
    const delayMs = minMs + this.#random.float() * (maxMs - minMs);
    return new Promise((resolve) => {
      this.#timeline.plan(delayMs, process, "disk", resolve);
    });
  }
}

async function* readFile(file: StoredFile | undefined): AsyncGenerator<Uint8Array, void, void> {
  if (file === undefined) throw new ClusterError("NOT_FOUND", "the snapshot was removed");
  yield* file.chunks;
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function diskError(fault: "EIO" | "ENOSPC"): ClusterError {
  return new ClusterError("INTERNAL", `cannot write: ${fault}`);
}

function fileName({ index, term }: SnapshotInfo): string {
  return `${index}-${term}`;
}
