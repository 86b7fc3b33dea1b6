import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Clock } from "../base/clock.ts";
import { errnoCode } from "../base/errors.ts";
import { LineSplitter, type LogEntry, parseLogLine } from "./log-parser.ts";
import { findTail } from "./log-tail.ts";

const chunkBytes = 64 * 1024;
/** A lost file event delays a follower by at most this. */
const pollMs = 1000;

export interface LogOptions {
  readonly follow?: boolean;
  /** Only the last so many lines of what is there; absent means all. */
  readonly tail?: number;
  /** Only what comes after so many bytes of the log; counts instead of `tail`. */
  readonly fromByte?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly signal?: AbortSignal;
}

/** What the reader must know of its container. */
export interface LogSource {
  readonly path: string;
  /** Resolves once the container is not running any more; then a follower reads the rest and ends. */
  readonly ended: Promise<unknown>;
  readonly clock: Clock;
}

/** The entries of a container's log, oldest first. Streams are both on unless one is named. */
export async function* readLog(
  source: LogSource,
  options: LogOptions,
): AsyncGenerator<LogEntry, void, void> {
  const file = await openLog(source.path);
  if (file === undefined && options.follow !== true) return;
  const tailer = new LogTailer(source.path, file);
  try {
    if (options.fromByte !== undefined) tailer.seek(options.fromByte);
    else if (options.tail !== undefined) await tailer.seekTail(options.tail, options);
    yield* follow(source, options, tailer);
  } finally {
    await tailer.close();
  }
}

async function* follow(
  source: LogSource,
  options: LogOptions,
  tailer: LogTailer,
): AsyncGenerator<LogEntry, void, void> {
  const changes = new ChangeSignal(source, options.signal);
  try {
    for (;;) {
      // Asked before reading, so that what was written before the end is read after it.
      const last = options.follow !== true || changes.ended;
      for (;;) {
        const entries = await tailer.read();
        if (entries === undefined) break;
        for (const entry of entries) {
          if (options.untilMs !== undefined && entry.atMs > options.untilMs) return;
          if (isWanted(entry, options)) yield entry;
        }
      }
      if (last || options.signal?.aborted === true) return;
      if (options.untilMs !== undefined && source.clock.now() > options.untilMs) return;
      await changes.next();
    }
  } finally {
    changes.close();
  }
}

/** Whether the entry is of a wanted stream and time. */
export function isWanted(entry: LogEntry, options: LogOptions): boolean {
  const both = options.stdout !== true && options.stderr !== true;
  const streamWanted = both || options[entry.stream] === true;
  return streamWanted && (options.sinceMs === undefined || entry.atMs >= options.sinceMs);
}

/** Reads a log file forward, going on in the new file when conmon has replaced a full one. */
class LogTailer {
  readonly #path: string;
  #file: FileHandle | undefined;
  #splitter = new LineSplitter();
  readonly #buffer = Buffer.alloc(chunkBytes);
  #position = 0;

  constructor(path: string, file: FileHandle | undefined) {
    this.#path = path;
    this.#file = file;
  }

  /** The next entries; undefined at the end of what is there. */
  async read(): Promise<LogEntry[] | undefined> {
    this.#file ??= await openLog(this.#path);
    if (this.#file === undefined) return undefined;
    const { bytesRead } = await this.#file.read(this.#buffer, 0, chunkBytes, this.#position);
    if (bytesRead === 0) return (await this.#reopenReplaced()) ? [] : undefined;
    this.#position += bytesRead;
    return parseLines(this.#splitter.push(this.#buffer.subarray(0, bytesRead)));
  }

  /** Places the reader behind so many bytes. */
  seek(position: number): void {
    this.#position = position;
  }

  /** Places the reader before the last `count` wanted lines. */
  async seekTail(count: number, options: LogOptions): Promise<void> {
    if (this.#file === undefined) return;
    this.#position = await findTail(this.#file, count, (entry) => isWanted(entry, options));
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #reopenReplaced(): Promise<boolean> {
    const now = await stat(this.#path).catch(() => undefined);
    const mine = await this.#file?.stat();
    if (now === undefined || now.ino === mine?.ino) return false;
    await this.close();
    this.#file = await openLog(this.#path);
    this.#position = 0;
    this.#splitter = new LineSplitter();
    return this.#file !== undefined;
  }
}

/** Wakes a follower when the file, the container or the caller's signal changes. */
class ChangeSignal {
  readonly #clock: Clock;
  readonly #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;
  ended = false;

  constructor(source: LogSource, signal: AbortSignal | undefined) {
    this.#clock = source.clock;
    const name = basename(source.path);
    try {
      // The folder is watched, as the file is replaced when it is full.
      this.#watcher = watch(dirname(source.path), (_event, changed) => {
        if (changed === name) this.#notify();
      });
      this.#watcher.on("error", () => {}); // The poll still finds changes.
    } catch {
      this.#watcher = undefined;
    }
    void source.ended.then(
      () => this.#end(),
      () => this.#end(),
    );
    signal?.addEventListener("abort", () => this.#notify(), { once: true });
  }

  async next(): Promise<void> {
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimer(pollMs, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#changed = false;
  }

  close(): void {
    this.#watcher?.close();
  }

  #end(): void {
    this.ended = true;
    this.#notify();
  }

  #notify(): void {
    this.#changed = true;
    this.#wake?.();
  }
}

function parseLines(lines: readonly Buffer[]): LogEntry[] {
  return lines.map(parseLogLine).filter((entry) => entry !== undefined);
}

async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
