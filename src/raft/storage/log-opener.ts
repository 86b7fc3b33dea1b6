import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { ClusterError, errorMessage, isClusterError } from "../../base/errors.ts";
import { findDamagedTable } from "../../base/leveldb-tables.ts";
import type { Entry } from "../core/types.ts";
import { catchUp } from "./catch-up.ts";
import {
  batchKey,
  damaged,
  decodeHardState,
  encodeBatch,
  encodeHardState,
  encodeMeta,
  hardStateKey,
  metaKey,
} from "./codec.ts";
import { plainEntryKey } from "./codec-v1.ts";
import { FrozenCopy } from "./frozen-copy.ts";
import { HighWaterMark } from "./high-water.ts";
import { type LogFormat, readLogFormat, writeLogFormat } from "./log-format.ts";
import { type LogContents, type LogDatabase, lastPlainKey, readLog } from "./log-reader.ts";
import type { Seal } from "./seal.ts";
import { isSealedAnew } from "./sealed-anew.ts";
import { segmentPaths } from "./segment.ts";
import { systemFiles } from "./segment-files.ts";
import { WriteAhead } from "./write-ahead.ts";

/** Bytes of entries that one record takes when a log is sealed anew. */
const recordBytesMax = 256 * 1024;

export interface OpenedLog {
  readonly db: WriteAhead;
  readonly mark: HighWaterMark;
  readonly contents: LogContents;
  /** As `LevelLog.isSealedAnew`, of a log that begins with this entry. */
  readonly isSealedAnew: (firstIndex: number) => Promise<boolean>;
}

/** Opens, checks and brings to the newest format and key; errors as `LevelLog.open` says. */
export async function openLog(folder: string, seal: Seal): Promise<OpenedLog> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const format = await readLogFormat(folder);
  const markPath = join(folder, "high-water");
  // A log that lost the file it is opened by must not become a new one: LevelDB would delete what is left of it.
  const mayBeNew = format === "plain" && !existsSync(markPath);
  const highWater = HighWaterMark.read(markPath);
  const frozen = await FrozenCopy.of(join(folder, "log"));
  let db: LogDatabase | undefined;
  try {
    db = await openDatabase(folder, mayBeNew);
    await fromSegments(folder, db, seal);
    const mayBePlain = format === "plain" || format === "mixed";
    const read = await readLog(db, { highWater, seal, mayBePlain });
    const contents = await upToDate(folder, format, read, { db, seal });
    // Left over when a compaction was interrupted.
    const kept = contents.batches[0] ?? contents.meta.truncatedIndex + 1;
    await db.clear({ gte: batchKey(0), lt: batchKey(kept) });
    await frozen.drop();
    const ahead = await WriteAhead.open(folder, db);
    const database = db;
    return {
      db: ahead,
      mark: await HighWaterMark.open(markPath),
      contents,
      isSealedAnew: async (firstIndex) => {
        await ahead.flush();
        return await isSealedAnew(database, seal, firstIndex);
      },
    };
  } catch (thrown) {
    const error = openError(thrown, folder);
    await db?.close();
    // One that another process holds is no business of ours.
    if (isClusterError(error, "DATA_LOSS")) await frozen.bringBack();
    else await frozen.drop();
    throw error;
  }
}

async function openDatabase(folder: string, createIfMissing: boolean): Promise<LogDatabase> {
  const table = await findDamagedTable(join(folder, "log"));
  if (table !== undefined) throw damaged(table);
  const db: LogDatabase = new Level(join(folder, "log"), {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    createIfMissing,
    compression: false, // of sealed records: there is nothing to gain
    // Two of them are in memory at times. Smaller ones are merged more often, which costs CPU time.
    writeBufferSize: 8 * 1024 * 1024,
  });
  await db.open();
  return db;
}

// Whatever the format says, as its file may be damaged: before format 3 there are none.
async function fromSegments(folder: string, db: LogDatabase, seal: Seal): Promise<void> {
  if (!segmentPaths(folder).some((path) => existsSync(path))) return;
  const state = await db.get(hardStateKey);
  const sequence = state === undefined ? 0 : decodeHardState(state, seal).sequence;
  await catchUp(folder, db, sequence, systemFiles);
}

// A crash in between leaves a mix, which is read as well: all sealed records first, then those in the clear.
async function upToDate(
  folder: string,
  format: LogFormat,
  contents: LogContents,
  { db, seal }: { readonly db: LogDatabase; readonly seal: Seal },
): Promise<LogContents> {
  if (format === "segmented" && !contents.isOld) return contents;
  if (format === "plain" && contents.isOld) await writeLogFormat(folder, "mixed");
  const batches = contents.isOld ? await sealAnew(contents, { db, seal }) : contents.batches;
  if (format !== "segmented") await writeLogFormat(folder, "segmented");
  return { ...contents, batches, isOld: false };
}

async function sealAnew(
  contents: LogContents,
  { db, seal }: { readonly db: LogDatabase; readonly seal: Seal },
): Promise<number[]> {
  const { meta, hardState, sequence, entries, chains } = contents;
  const batches: number[] = [];
  let chain = meta.chain;
  for (const group of groups(entries)) {
    const first = group[0]?.index ?? 0;
    const last = first + group.length - 1;
    const encoded = encodeBatch(group, chain, seal);
    chain = encoded.chains.at(-1) ?? chain;
    const operations = contents.batches
      .filter((old) => old >= first && old <= last)
      .map((old) => ({ type: "del" as const, key: batchKey(old) }));
    await db.batch([
      ...operations,
      ...group.map(({ index }) => ({ type: "del" as const, key: plainEntryKey(index) })),
      { type: "put", key: batchKey(first), value: encoded.value },
    ]);
    batches.push(first);
  }
  const end = { index: meta.truncatedIndex + entries.length, chain: chains.at(-1) ?? meta.chain };
  await db.clear({ gte: plainEntryKey(0), lte: lastPlainKey });
  await db.batch(
    [
      { type: "put", key: metaKey, value: encodeMeta(meta, seal) },
      {
        type: "put",
        key: hardStateKey,
        value: encodeHardState({ hardState, sequence, end }, seal),
      },
    ],
    { sync: true },
  );
  await mergeFiles(db);
  return batches;
}

// Replaced values stay in LevelDB's files until it merges them. Its declared type, made for browsers too, lacks this.
async function mergeFiles(db: LogDatabase): Promise<void> {
  if ("compactRange" in db && typeof db.compactRange === "function") {
    await db.compactRange(Buffer.from([0]), Buffer.from([0xff]));
  }
}

function* groups(entries: readonly Entry[]): Generator<readonly Entry[], void, void> {
  let from = 0;
  let bytes = 0;
  for (const [at, entry] of entries.entries()) {
    if (at > from && bytes + entry.data.length > recordBytesMax) {
      yield entries.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += entry.data.length;
  }
  if (from < entries.length) yield entries.slice(from);
}

function openError(error: unknown, folder: string): ClusterError {
  if (error instanceof ClusterError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const text = errorMessage(cause);
  if (/\block\b/i.test(text)) {
    return new ClusterError(
      "FAILED_PRECONDITION",
      `the raft log in ${folder} is in use by another process; stop that one first`,
      { cause: error },
    );
  }
  if (/corruption|does not exist|no such file|invalid argument/i.test(text))
    return damaged(text.toLowerCase(), error);
  return new ClusterError("INTERNAL", `cannot open the raft log in ${folder}: ${text}`, {
    cause: error,
  });
}
