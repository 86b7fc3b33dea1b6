import { assert } from "../../src/base/assert.ts";
import { ClusterError, errorMessage } from "../../src/base/errors.ts";
import { type Random, randomInteger } from "../../src/base/random.ts";
import type { LogWrite, RaftStorage } from "../../src/raft/storage/raft-storage.ts";
import type {
  SnapshotInfo,
  SnapshotStore,
  StoredSnapshot,
} from "../../src/raft/storage/snapshot-store.ts";
import {
  afterWrite,
  compacted,
  emptyLog,
  isSame,
  type LogContents,
  termIn,
} from "./log-contents.ts";
import { type CrashOutcome, type LogChange, SimSegments } from "./sim-segments.ts";
import type { SimProcess, Timeline } from "./sim-timeline.ts";

interface StoredFile {
  readonly snapshot: StoredSnapshot;
  readonly chunks: readonly Uint8Array[];
}

export interface SimDiskDeps {
  readonly timeline: Timeline;
  readonly random: Random;
  /** Told of what a crash left of a write. */
  readonly count: (event: string) => void;
  /** Told of a log that is not what it must be after a crash. */
  readonly report: (violation: string) => void;
}

/**
 * How the log is kept. "segments": by the shipped `LevelLog` and its segments, every write durable as it ends, the one under way torn by
 * a power loss. "writes": as little as `RaftStorage` promises: each write whole or not there, and a power loss takes any number of the last
 * ones that were not synced, and maybe the one under way. "lies": as "writes", but syncs do nothing.
 */
export type DiskKind = "segments" | "writes" | "lies";

/** A host's disk: writes take time and go one after another. */
export class SimDisk {
  /** Milliseconds that a write takes now. */
  latency: { readonly minMs: number; readonly maxMs: number } = { minMs: 0.1, maxMs: 1 };
  /** Writes fail with it while set. */
  fault: "EIO" | "ENOSPC" | undefined;
  /** Told of each write that is there now, and of what was there before. */
  onWrite: (write: LogWrite, before: LogContents) => void = () => {};
  /** Told, once, that a write has begun and not ended. */
  onBegun: (() => void) | undefined;
  readonly #deps: SimDiskDeps;
  readonly #kind: DiskKind;
  readonly #segments: SimSegments | undefined;
  #synced: LogContents = emptyLog;
  /** Writes since then, oldest first. */
  #unsynced: LogContents[] = [];
  /** Or one that failed: what there is of it shows only later. */
  #inFlight: LogChange | undefined;
  readonly #files = new Map<string, StoredFile>();

  constructor(kind: DiskKind, deps: SimDiskDeps) {
    this.#kind = kind;
    this.#deps = deps;
    this.#segments = kind === "segments" ? new SimSegments(deps.random) : undefined;
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
    const isThere = this.#random.float() < 0.5;
    if (this.#segments !== undefined) {
      void this.#recover(this.#segments, isThere ? "all" : "nothing");
      return;
    }
    if (this.#inFlight !== undefined && isThere) {
      this.#unsynced.push(changed(this.written, this.#inFlight));
    }
    this.#inFlight = undefined;
  }

  /** As `processEnded`, and some of what was not synced is gone, and the write under way may be torn. */
  powerLost(): void {
    if (this.#segments !== undefined) {
      void this.#recover(this.#segments, "torn");
      return;
    }
    this.processEnded();
    const before = this.#unsynced.length;
    this.#unsynced.length = randomInteger(this.#random, 0, before);
    if (before > this.#unsynced.length) this.#deps.count("unsynced write lost");
    // What survived is on the platter now.
    this.#synced = this.written;
    this.#unsynced = [];
  }

  /** The log, for one life of a process. */
  openLog(process: SimProcess): RaftStorage {
    // LevelDB makes durable at open what it finds in its log.
    this.#synced = this.written;
    this.#unsynced = [];
    let failed = false;
    const change = async (next: LogChange, sync: boolean): Promise<void> => {
      // What a dead process still does within its last step reaches nothing.
      if (!process.isAlive) return await never();
      assert(this.#inFlight === undefined || failed, "one write at a time");
      if (failed) throw diskError(this.fault ?? "EIO");
      this.#inFlight = next;
      const { onBegun } = this;
      this.onBegun = undefined;
      onBegun?.();
      await this.#wait(process);
      if (this.fault !== undefined) {
        failed = true;
        // It may be there nevertheless; the one who asked must not count on either.
        throw diskError(this.fault);
      }
      this.#inFlight = undefined;
      const before = this.written;
      this.#unsynced.push(changed(before, next));
      if (this.#segments !== undefined || (sync && this.#kind !== "lies")) {
        this.#synced = this.written;
        this.#unsynced = [];
      }
      if ("entries" in next) this.onWrite(next, before);
      await this.#segments?.write(next);
    };
    return {
      load: () => this.written,
      write: (write) => change(write, write.sync),
      compact: (index) => change({ compactTo: index }, true),
      close: async () => {},
    };
  }

  /** What the shipped log finds must be all that was acknowledged, and of the write under way all or nothing. */
  async #recover(segments: SimSegments, outcome: CrashOutcome): Promise<void> {
    const { count, report } = this.#deps;
    const change = this.#inFlight;
    this.#inFlight = undefined;
    const before = this.written;
    try {
      const found = await segments.crash(change, outcome);
      if (isSame(found, before)) {
        if (change !== undefined && outcome === "torn") count("torn write left out");
        return;
      }
      const after = change && changed(before, change);
      if (after === undefined || !isSame(found, after)) {
        report(`after a crash a log is ${said(found)} instead of ${said(before)}`);
      } else {
        if (outcome === "torn") count("write under way kept over a power loss");
        this.#synced = after;
      }
    } catch (error) {
      report(`after a crash a log does not open: ${errorMessage(error)}`);
    }
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

  get #random(): Random {
    return this.#deps.random;
  }

  #wait(process: SimProcess): Promise<void> {
    const { minMs, maxMs } = this.latency;
    const { timeline } = this.#deps;
    const delayMs = minMs + this.#random.float() * (maxMs - minMs);
    return new Promise((resolve) => {
      timeline.plan(delayMs, process, "disk", resolve);
    });
  }
}

function changed(now: LogContents, change: LogChange): LogContents {
  return "compactTo" in change ? compacted(now, change.compactTo) : afterWrite(now, change);
}

function said({ hardState, truncated, entries }: LogContents): string {
  const { term, vote, commit } = hardState;
  const last = truncated.index + entries.length;
  return `of term ${term}, vote ${vote}, commit ${commit}, from ${truncated.index} to ${last}`;
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
