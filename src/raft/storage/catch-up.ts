import { errorMessage } from "../../base/errors.ts";
import { damaged } from "./codec.ts";
import { PendingOperations } from "./pending-operations.ts";
import { segmentPaths } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { findLaterRecord, readRun, type SegmentRecord } from "./segment-record.ts";
import type { WriteAheadDatabase } from "./write-ahead.ts";

/**
 * Does the writes again that the segments have and the database, which is at number `sequence`, lacks. A torn write at the end is
 * left out, as nothing was begun after it; DATA_LOSS when one is missing or damaged and a later one is there. The segments stay as they are.
 */
export async function catchUp(
  folder: string,
  db: Pick<WriteAheadDatabase, "batch">,
  sequence: number,
  files: SegmentFiles,
  batchMax?: number,
): Promise<void> {
  const pending = new PendingOperations(batchMax);
  for (const { operations } of await missingRecords(folder, sequence, files)) {
    pending.add(operations);
  }
  for (const operations of pending.take()) await db.batch(operations, { sync: true });
}

async function missingRecords(
  folder: string,
  sequence: number,
  files: SegmentFiles,
): Promise<readonly SegmentRecord[]> {
  const segments: { bytes: Buffer; records: SegmentRecord[]; end: number }[] = [];
  for (const path of segmentPaths(folder)) {
    const bytes = await files.read(path).catch((error: unknown) => {
      throw damaged(`${path} cannot be read: ${errorMessage(error)}`, error);
    });
    if (bytes !== undefined) segments.push({ bytes, ...readRun(bytes) });
  }
  segments.sort((a, b) => firstOf(a.records) - firstOf(b.records));
  const missing: SegmentRecord[] = [];
  let last = sequence;
  for (const record of segments.flatMap(({ records }) => records)) {
    if (record.sequence <= last) continue;
    if (record.sequence > last + 1) throw gap(last + 1, record.sequence);
    missing.push(record);
    last = record.sequence;
  }
  for (const { bytes, end } of segments) {
    const later = findLaterRecord(bytes, end, last);
    if (later !== undefined) throw gap(last + 1, later);
  }
  return missing;
}

function firstOf(records: readonly SegmentRecord[]): number {
  return records[0]?.sequence ?? 0;
}

function gap(missing: number, later: number): Error {
  return damaged(`write ${missing} is missing or altered, but write ${later} is there`);
}
