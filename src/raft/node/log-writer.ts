import type { Clock } from "../../base/clock.ts";
import type { Entry, HardState, Ready } from "../core/types.ts";
import type { MemoryStorage } from "../storage/memory-storage.ts";
import type { LogPosition, LogWrite, RaftStorage } from "../storage/raft-storage.ts";

export interface LogWriterDeps {
  readonly storage: RaftStorage;
  readonly mirror: MemoryStorage;
  readonly clock: Clock;
  /** The write of this Ready, and of all before it, is durable and in the mirror. */
  readonly onDurable: (ready: Ready) => void;
  /** Nothing is under way any more. */
  readonly onIdle: () => void;
  /** The disk has failed: nothing more is written, and what it holds is unknown. */
  readonly onFailure: (error: unknown) => void;
}

/** A commit index that no write took along is written after so many calls of `flush`: not in between writes that only take long. */
const flushesUntilWrite = 5;
/** Data merged into one write; its latency grows beyond it. */
const mergedBytesMax = 4 * 1024 * 1024;

/**
 * The one writer of the log: while a write is under way, what comes gathers for the next one. A new commit index
 * alone is no reason to write, as it can be found out again: it goes with the next write, or after a few ticks.
 */
export class LogWriter {
  readonly #deps: LogWriterDeps;
  readonly #queue: Ready[] = [];
  /** Not on the disk yet; nothing but its commit index is new. */
  #late: HardState | undefined;
  #flushes = 0;
  #compactTo = 0;
  #startedMs: number | undefined;
  #stopped = false;
  #idle: Promise<void> = Promise.resolve();

  constructor(deps: LogWriterDeps) {
    this.#deps = deps;
  }

  get busy(): boolean {
    return this.#startedMs !== undefined;
  }

  /** For how long the write under way has been running, milliseconds. */
  get pendingMs(): number {
    return this.#startedMs === undefined ? 0 : this.#deps.clock.monotonic() - this.#startedMs;
  }

  /** Takes the next Ready. One that needs no write is done at once when nothing is before it. */
  push(ready: Ready): void {
    if (this.#stopped) return;
    if (!this.busy && !needsWrite(ready)) {
      this.#late = ready.hardState ?? this.#late;
      this.#deps.onDurable(ready);
      return;
    }
    this.#queue.push(ready);
    this.#wake();
  }

  /** To be called each tick: writes the commit index if it has waited for a few. */
  flush(): void {
    if (this.#late === undefined) return;
    this.#flushes += 1;
    if (this.#flushes >= flushesUntilWrite) this.#wake();
  }

  /** Drops entries up to `index` when there is time for it. */
  compact(index: number): void {
    this.#compactTo = Math.max(this.#compactTo, index);
    this.#wake();
  }

  /** Starts no new write but that of the commit index, and resolves when all are done. */
  async stop(): Promise<void> {
    const failed = this.#stopped;
    this.#stopped = true;
    await this.#idle;
    if (this.#late === undefined || failed) return;
    const hardState = this.#late;
    this.#late = undefined;
    await this.#deps.storage.write({ hardState, entries: [], sync: false });
  }

  #wake(): void {
    if (!this.busy && !this.#stopped) this.#idle = this.#run();
  }

  async #run(): Promise<void> {
    const { storage, mirror, clock, onDurable, onIdle, onFailure } = this.#deps;
    try {
      while (!this.#stopped) {
        this.#startedMs = clock.monotonic();
        const batch = this.#takeBatch();
        if (batch.length > 0) {
          const write = mergeWrites(batch);
          if (batch.some(needsWrite)) await this.#write(write);
          else this.#late = write.hardState ?? this.#late;
          for (const ready of batch) {
            mirrorReady(mirror, ready);
            onDurable(ready);
          }
        } else if (this.#compactTo > 0) {
          const index = this.#compactTo;
          this.#compactTo = 0;
          // A snapshot above the commit index on the disk would not count after a restart.
          if (this.#late !== undefined) await this.#write({ ...nothing, sync: true });
          await storage.compact(index);
          mirror.compact(index);
        } else if (this.#flushes >= flushesUntilWrite) {
          await this.#write(nothing);
        } else {
          break;
        }
      }
    } catch (error) {
      this.#stopped = true;
      onFailure(error);
    } finally {
      this.#startedMs = undefined;
    }
    if (!this.#stopped) onIdle();
  }

  async #write(write: LogWrite): Promise<void> {
    const hardState = write.hardState ?? this.#late;
    this.#late = undefined;
    this.#flushes = 0;
    await this.#deps.storage.write({ ...write, hardState });
  }

  #takeBatch(): Ready[] {
    let bytes = 0;
    let count = 0;
    for (const ready of this.#queue) {
      for (const entry of ready.entries) bytes += entry.data.length;
      if (count > 0 && bytes > mergedBytesMax) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }
}

const nothing: LogWrite = { entries: [], sync: false };

/** One write with the effect of all, in order. */
export function mergeWrites(readies: readonly Ready[]): LogWrite {
  let hardState: HardState | undefined;
  let restart: LogPosition | undefined;
  let entries: Entry[] = [];
  let sync = false;
  for (const ready of readies) {
    hardState = ready.hardState ?? hardState;
    sync ||= ready.mustSync;
    if (ready.snapshot !== undefined) {
      restart = { index: ready.snapshot.index, term: ready.snapshot.term };
      entries = [];
      sync = true;
    }
    const first = ready.entries[0];
    if (first === undefined) continue;
    const overlap = entries.findIndex((entry) => entry.index >= first.index);
    if (overlap >= 0) entries.length = overlap;
    entries = entries.concat(ready.entries);
  }
  return { hardState, entries, restart, sync };
}

function mirrorReady(mirror: MemoryStorage, ready: Ready): void {
  if (ready.snapshot !== undefined) mirror.restart(ready.snapshot);
  mirror.append(ready.entries);
}

function needsWrite(ready: Ready): boolean {
  return ready.mustSync || ready.snapshot !== undefined || ready.entries.length > 0;
}
