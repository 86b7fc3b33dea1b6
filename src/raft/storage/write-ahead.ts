import { PendingOperations } from "./pending-operations.ts";
import { Segment, segmentPaths } from "./segment.ts";
import { type SegmentFiles, systemFiles } from "./segment-files.ts";
import { encodeRecord, type Operation } from "./segment-record.ts";
import { WritePace } from "./write-pace.ts";

/** The database behind the segments. */
export interface WriteAheadDatabase {
  /** Whole or not at all, and in order; without `sync` a power loss may take it. */
  batch(operations: Operation[], options: { readonly sync: boolean }): Promise<void>;
  close(): Promise<void>;
}

export interface WriteAheadOptions {
  /** Of each of the two segments; 2 MiB when absent. */
  readonly segmentBytes?: number;
  readonly files?: SegmentFiles;
  /** Operations that the database is told of at a time, whole or not at all; 500 when absent. */
  readonly batchMax?: number;
}

const segmentBytesDefault = 2 * 1024 * 1024;
/** The database is told of so much at a time: its sync holds the next writes up, so seldom; and a full disk is noticed soon. */
const pendingRecordsMax = 480;
const pendingBytesMax = 1024 * 1024;

/**
 * The newest writes in front of the log's database. A write is durable, as one record of a preallocated segment, before the next one
 * begins; the database gets many together, behind the writer's back. When a segment is full the other one is used, which is free once
 * the database has all that is in it. At open the database gets what it lacks (`catchUp`) before the segments are made anew.
 */
export class WriteAhead {
  readonly #db: WriteAheadDatabase;
  readonly #pending: PendingOperations;
  readonly #pace = new WritePace();
  #current: Segment;
  /** The other segment, when it is free. */
  #spare: Promise<Segment>;
  #moves: Promise<void> = Promise.resolve();
  #isMoving = false;
  #failure: unknown;

  private constructor(
    db: WriteAheadDatabase,
    current: Segment,
    spare: Promise<Segment>,
    batchMax: number | undefined,
  ) {
    this.#db = db;
    this.#pending = new PendingOperations(batchMax);
    this.#current = current;
    this.#spare = this.#watched(spare);
  }

  /** Empties the segments in `folder`: the database has, synced, all that was in them. */
  static async open(
    folder: string,
    db: WriteAheadDatabase,
    { segmentBytes = segmentBytesDefault, files = systemFiles, batchMax }: WriteAheadOptions = {},
  ): Promise<WriteAhead> {
    const [first, second] = segmentPaths(folder);
    const current = await Segment.create(first, segmentBytes, files);
    return new WriteAhead(db, current, Segment.create(second, segmentBytes, files), batchMax);
  }

  /**
   * Resolves when the write is durable; one at a time, numbered without gaps, and the last operation brings the database to that
   * number. After one has failed, or the database has, the disk's content is unknown and the caller must stop.
   */
  async batch(operations: readonly Operation[], sequence: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const record = encodeRecord({ sequence, operations });
    if (!this.#current.hasRoomFor(record.length)) await this.#switch();
    const inline = this.#pace.isInline(record.length);
    this.#pace.took(await this.#current.append(record, inline), inline);
    this.#pending.add(operations);
    const { records, bytes } = this.#pending;
    if (!this.#isMoving && (records >= pendingRecordsMax || bytes >= pendingBytesMax)) {
      void this.#watched(this.#move());
    }
  }

  /** Resolves when the database has, synced, all that was written before this call. */
  async flush(): Promise<void> {
    await this.#watched(this.#move());
  }

  /** The database gets the rest, and is closed. */
  async close(): Promise<void> {
    const spare = await this.#spare.catch(() => undefined);
    try {
      if (this.#failure === undefined) await this.#move();
    } finally {
      await this.#moves.catch(() => {});
      await this.#db.close();
      await this.#current.close();
      await spare?.close();
    }
  }

  async #switch(): Promise<void> {
    const full = this.#current;
    this.#current = await this.#spare;
    this.#spare = this.#watched(this.#free(full));
  }

  async #free(full: Segment): Promise<Segment> {
    await this.#move();
    await full.recycle();
    return full;
  }

  // After the moves under way, so that the database hears of the writes in their order.
  #move(): Promise<void> {
    this.#isMoving = true;
    this.#moves = this.#moves.then(async () => {
      for (const operations of this.#pending.take()) {
        // Each of them: LevelDB's sync does not reach a log file that it has left behind.
        await this.#db.batch(operations, { sync: true });
      }
      this.#isMoving = false;
    });
    return this.#moves;
  }

  /** The next write tells of its failure. */
  #watched<T>(work: Promise<T>): Promise<T> {
    work.catch((error: unknown) => {
      this.#failure ??= error;
    });
    return work;
  }
}
