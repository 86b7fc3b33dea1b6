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

/** Data merged into one write; LevelDB's latency grows beyond it. */
const mergedBytesMax = 4 * 1024 * 1024;

/** The one writer of the log: while a write is under way, what comes gathers for the next one. */
export class LogWriter {
  readonly #deps: LogWriterDeps;
  readonly #queue: Ready[] = [];
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

  /** Takes the next Ready. One without anything to write is done at once when nothing is before it. */
  push(ready: Ready): void {
    if (this.#stopped) return;
    if (!this.busy && !needsWrite(ready)) {
      this.#deps.onDurable(ready);
      return;
    }
    this.#queue.push(ready);
    if (!this.busy) this.#idle = this.#run();
  }

  /** Drops entries up to `index` when there is time for it. */
  compact(index: number): void {
    this.#compactTo = Math.max(this.#compactTo, index);
    if (!this.busy && !this.#stopped) this.#idle = this.#run();
  }

  /** Starts no new write, and resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#idle;
  }

  async #run(): Promise<void> {
    const { storage, mirror, clock, onDurable, onIdle, onFailure } = this.#deps;
    try {
      while (!this.#stopped) {
        this.#startedMs = clock.monotonic();
        const batch = this.#takeBatch();
        if (batch.length > 0) {
          await storage.write(mergeWrites(batch));
          for (const ready of batch) {
            mirrorReady(mirror, ready);
            onDurable(ready);
          }
        } else if (this.#compactTo > 0) {
          const index = this.#compactTo;
          this.#compactTo = 0;
          await storage.compact(index);
          mirror.compact(index);
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
  return ready.hardState !== undefined || ready.snapshot !== undefined || ready.entries.length > 0;
}
