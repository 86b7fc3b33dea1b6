import type { FileHandle } from "node:fs/promises";
import { type LogEntry, parseLogLine } from "./log-parser.ts";

const chunkBytes = 64 * 1024;
const newline = 0x0a;

/**
 * The place in a log file from which the last `count` wanted lines are read; the end of its last whole line when `count` is 0 or there
 * are none. Reads from the end of the file back, so that a long log costs no more than its tail. Pieces that conmon cut a long line
 * into count as one line.
 */
export async function findTail(
  file: FileHandle,
  count: number,
  isWanted: (entry: LogEntry) => boolean,
): Promise<number> {
  const { size } = await file.stat();
  let found = 0;
  let start: number | undefined;
  let end: number | undefined;
  for await (const { line, offset } of linesBackward(file, size)) {
    end ??= offset + line.length + 1;
    if (count === 0) return end;
    const entry = parseLogLine(line);
    if (entry === undefined || !isWanted(entry)) continue;
    if (entry.data.at(-1) === newline) {
      if (found === count) break;
      found += 1;
    }
    // A piece belongs to the line that ends after it; one without an end is of a line yet to come.
    if (found > 0) start = offset;
  }
  return start ?? end ?? 0;
}

/** The whole lines of a file without their newline, last first. What comes after the last newline is left out. */
async function* linesBackward(
  file: FileHandle,
  size: number,
): AsyncGenerator<{ readonly line: Buffer; readonly offset: number }, void, void> {
  let position = size;
  // What is read already and belongs to a line that begins further up; undefined before the last newline is found.
  let rest: Buffer | undefined;
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    const chunk = Buffer.alloc(length);
    await file.read(chunk, 0, length, position);
    let end = length;
    for (;;) {
      const at = end === 0 ? -1 : chunk.lastIndexOf(newline, end - 1);
      if (at < 0) break;
      const head = chunk.subarray(at + 1, end);
      if (rest !== undefined)
        yield { line: Buffer.concat([head, rest]), offset: position + at + 1 };
      rest = Buffer.alloc(0);
      end = at;
    }
    if (rest !== undefined) rest = Buffer.concat([chunk.subarray(0, end), rest]);
  }
  if (rest !== undefined) yield { line: rest, offset: 0 };
}
