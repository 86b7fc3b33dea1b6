import type { Readable } from "node:stream";
import type { Session } from "./session.ts";
import { invalid, parseDuration } from "./values.ts";

export interface LogFlags {
  readonly follow?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly tail: string;
  readonly timestamps?: boolean;
  /** Whether to show what the log driver adds to a line. */
  readonly details?: boolean;
  /** Turns what names the source of a line into what is shown before it; absent for one container's log. */
  readonly prefix?: (details: ReadonlyMap<string, string>) => Promise<string>;
  /** Of several tasks: their lines are shown in the order of their times, unless following. */
  readonly merged?: boolean;
  /** The output is not framed. */
  readonly tty?: boolean;
}

/** Copies the logs at `path` to standard output and error until they end or Ctrl-C. */
export async function copyLogs(session: Session, path: string, flags: LogFlags): Promise<void> {
  if (flags.tail !== "all" && !/^\d+$/.test(flags.tail)) {
    throw invalid("--tail", flags.tail, "a number of lines or all");
  }
  const time = (flag: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : timeSeconds(flag, text, session.now());
  const { prefix, timestamps = false, details = false } = flags;
  const isOrdered = flags.merged === true && flags.tty !== true && flags.follow !== true;
  const query = {
    stdout: 1,
    stderr: 1,
    follow: flags.follow ? 1 : 0,
    tail: flags.tail,
    timestamps: timestamps || isOrdered ? 1 : 0,
    details: prefix === undefined && !details ? 0 : 1,
    since: time("--since", flags.since),
    until: time("--until", flags.until),
  };
  const body = await session.client.stream("GET", path, { query }, session.interrupted);
  try {
    const read = frames(body, flags.tty === true);
    for await (const frame of isOrdered ? inTimeOrder(read) : read) {
      const data = isOrdered && !timestamps ? withoutTime(frame.data) : frame.data;
      const text =
        prefix === undefined
          ? data
          : await prefixed(data.toString(), { timestamps, details }, prefix);
      (frame.stream === "stderr" ? process.stderr : process.stdout).write(text);
    }
  } catch (error) {
    if (!session.interrupted.aborted) throw error;
  }
}

export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly data: Buffer;
}

/** Takes apart the 8-byte framing of the Engine API ("attach" in its reference); raw bytes with a terminal. */
export async function* frames(body: Readable, raw: boolean): AsyncGenerator<Frame, void, void> {
  let rest = Buffer.alloc(0);
  for await (const chunk of body) {
    if (raw) {
      yield { stream: "stdout", data: chunk as Buffer };
      continue;
    }
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 8) {
      const size = rest.readUInt32BE(4);
      if (rest.length < 8 + size) break;
      const [stream, data] = [rest[0], rest.subarray(8, 8 + size)];
      rest = rest.subarray(8 + size);
      // The daemon's own word that it cannot go on, or that not all is there.
      if (stream === 3) throw new Error(`error from daemon in stream: ${data.toString().trim()}`);
      yield { stream: stream === 1 ? "stdout" : "stderr", data };
    }
  }
}

/** Lines held back to put them in order, in bytes: what is beyond begins a new order. */
const orderedBytesMax = 64 * 1024 * 1024;

/** The frames in the order of the times they begin with, equal ones as they came; a failure of the source comes after them. */
export async function* inTimeOrder(
  source: AsyncIterable<Frame>,
  bytesMax: number = orderedBytesMax,
): AsyncGenerator<Frame, void, void> {
  let waiting: (readonly [time: string, frame: Frame])[] = [];
  let bytes = 0;
  let problem: unknown;
  const take = (): Frame[] => {
    const inOrder = waiting.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    waiting = [];
    bytes = 0;
    return inOrder.map(([, frame]) => frame);
  };
  try {
    for await (const frame of source) {
      waiting.push([timeOf(frame.data), frame]);
      bytes += frame.data.length;
      if (bytes > bytesMax) yield* take();
    }
  } catch (error) {
    problem = error;
  }
  yield* take();
  if (problem !== undefined) throw problem;
}

// With always nine digits after the second, so texts sort as times.
function timeOf(data: Buffer): string {
  const end = data.indexOf(" ");
  return end < 0 ? "" : data.toString("latin1", 0, end);
}

function withoutTime(data: Buffer): Buffer {
  return data.subarray(data.indexOf(" ") + 1);
}

/** "[time] key=value,… text" with what `prefix` makes of the source before the text, and the other details if asked for. */
export async function prefixed(
  line: string,
  { timestamps, details: shown }: { readonly timestamps: boolean; readonly details: boolean },
  prefix: (details: ReadonlyMap<string, string>) => Promise<string>,
): Promise<string> {
  const match = /^(\S+ )?(\S*com\.docker\.swarm\.task\.id=\S*) ([\s\S]*)$/.exec(line);
  if (match === null || timestamps !== (match[1] !== undefined)) return line;
  const [, time = "", pairs = "", text = ""] = match;
  const details = new Map(
    pairs.split(",").map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }),
  );
  const others = pairs.split(",").filter((pair) => !pair.startsWith("com.docker.swarm."));
  const extra = shown && others.length > 0 ? `${others.join(",")} ` : "";
  return `${time}${await prefix(details)}    | ${extra}${text}`;
}

/** A time or a duration before now, in seconds since 1970. INVALID_ARGUMENT names the flag. */
export function timeSeconds(flag: string, text: string, nowMs: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at / 1000;
  try {
    return (nowMs - parseDuration(flag, text) / 1e6) / 1000;
  } catch {
    throw invalid(flag, text, "an RFC 3339 time or a duration such as 10m");
  }
}
