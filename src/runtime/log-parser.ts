/** One piece of a container's output. Lines end with "\n"; a piece without it is a part of a line. */
export interface LogEntry {
  readonly atMs: number;
  /** The whole time within its second, 0 to 999,999,999. */
  readonly nanos: number;
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

const space = 0x20;
const newline = 0x0a;

/** One line of conmon's k8s-file log ("TIME STREAM F|P TEXT", without its newline); undefined when damaged. */
export function parseLogLine(line: Uint8Array): LogEntry | undefined {
  const timeEnd = line.indexOf(space);
  const streamEnd = line.indexOf(space, timeEnd + 1);
  const tagEnd = line.indexOf(space, streamEnd + 1);
  if (timeEnd < 0 || streamEnd < 0 || tagEnd < 0) return undefined;
  const text = (from: number, to: number) =>
    Buffer.from(line.subarray(from, to)).toString("latin1");
  const time = parseLogTime(text(0, timeEnd));
  const stream = text(timeEnd + 1, streamEnd);
  const tag = text(streamEnd + 1, tagEnd);
  if (time === undefined || (stream !== "stdout" && stream !== "stderr")) return undefined;
  const content = line.subarray(tagEnd + 1);
  // Copied, as the line is a view of a read buffer that is used again.
  const data = tag === "F" ? Buffer.concat([content, Buffer.of(newline)]) : Buffer.from(content);
  return { ...time, stream, data };
}

/** "2026-11-21T06:57:14.797810109+00:00" in milliseconds and nanoseconds. */
export function parseLogTime(text: string): { atMs: number; nanos: number } | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{1,9})(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const nanos = Number((match[2] ?? "").padEnd(9, "0"));
  const seconds = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(seconds)) return undefined;
  return { atMs: seconds + Math.floor(nanos / 1e6), nanos };
}

/** Cuts a stream of bytes into lines without their newline; keeps the rest for the next call. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): Buffer[] {
    const all = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const lines: Buffer[] = [];
    let from = 0;
    for (;;) {
      const end = all.indexOf(newline, from);
      if (end < 0) break;
      lines.push(all.subarray(from, end));
      from = end + 1;
    }
    this.#rest = Buffer.from(all.subarray(from));
    return lines;
  }
}
