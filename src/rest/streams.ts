import type { Readable } from "node:stream";
import { errorMessage } from "../base/errors.ts";

/** Content type of framed output; API 1.42 and later. */
export const multiplexedType = "application/vnd.docker.multiplexed-stream";
/** Content type of unframed output (terminals), and of all output before API 1.42. */
export const rawType = "application/vnd.docker.raw-stream";

export type FrameStream = "stdin" | "stdout" | "stderr" | "system-error";
const streamNumber = { stdin: 0, stdout: 1, stderr: 2, "system-error": 3 } as const;

/** One frame: stream number, three zero bytes, big-endian length, data (Docker API, attach). */
export function frame(stream: FrameStream, data: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = streamNumber[stream];
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

/** One JSON value and CR LF, as Docker ends its progress lines. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\r\n`;
}

/** RFC 3339 in UTC with always nine digits, as log lines carry it. */
export function logTimestamp(seconds: number, nanos: number): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(nanos).padStart(9, "0")}Z`;
}

/** "a=1,b=2" sorted and escaped, the details before a service's log line. */
export function logDetails(attributes: Readonly<Record<string, string>>): string {
  return Object.entries(attributes)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .sort((a, b) => (a < b ? -1 : 1))
    .join(",");
}

/** The source, and at a failure one last line of `toChunk(message)` instead of a broken body. */
export async function* withErrorLine<T>(
  source: AsyncIterable<T>,
  toChunk: (message: string) => T,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  try {
    for await (const chunk of source) yield chunk;
  } catch (error) {
    if (!signal.aborted) yield toChunk(errorMessage(error));
  }
}

/** The values of all sources as they come; ends when all have ended, fails when one fails. */
export async function* mergeIterables<T>(
  sources: readonly AsyncIterable<T>[],
): AsyncGenerator<T, void, void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const advance = (index: number) => {
    const next = (async () => ({ index, result: await iterators[index]?.next() }))();
    // Its failure is seen by the race below, unless the reader leaves before.
    next.catch(() => undefined);
    return next;
  };
  const waiting = new Map(iterators.map((_, index) => [index, advance(index)]));
  try {
    while (waiting.size > 0) {
      const { index, result } = await Promise.race(waiting.values());
      if (result === undefined || result.done === true) waiting.delete(index);
      else {
        waiting.set(index, advance(index));
        yield result.value;
      }
    }
  } finally {
    // Not awaited: a generator that waits for its next value returns only when that comes.
    for (const iterator of iterators) void iterator.return?.()?.catch(() => undefined);
  }
}

/** Frames (or with `raw`, the plain bytes) of what a process writes, in order of arrival. */
export async function* frameOutputs(
  stdout: Readable | undefined,
  stderr: Readable | undefined,
  raw: boolean,
): AsyncGenerator<Uint8Array, void, void> {
  const sources = [
    ...(stdout === undefined ? [] : [framed(stdout, "stdout", raw)]),
    ...(stderr === undefined ? [] : [framed(stderr, "stderr", raw)]),
  ];
  yield* mergeIterables(sources);
}

async function* framed(
  source: Readable,
  stream: FrameStream,
  raw: boolean,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    yield raw ? bytes : frame(stream, bytes);
  }
}
