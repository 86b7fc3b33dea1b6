import type { Readable } from "node:stream";
import type { Session } from "./session.ts";
import { invalid, parseDuration } from "./values.ts";

export interface LogFlags {
  readonly follow?: boolean;
  readonly since?: string;
  readonly tail: string;
  readonly timestamps?: boolean;
  /** Prefix each line with the task it came from. */
  readonly details?: boolean;
  readonly serviceName?: string;
  /** The output is not framed. */
  readonly tty?: boolean;
}

/** Copies the logs at `path` to standard output and error until they end or Ctrl-C. */
export async function copyLogs(session: Session, path: string, flags: LogFlags): Promise<void> {
  const since = flags.since === undefined ? undefined : sinceSeconds(flags.since, session.now());
  const body = await session.client.stream(
    "GET",
    path,
    {
      query: {
        stdout: 1,
        stderr: 1,
        follow: flags.follow ? 1 : 0,
        tail: flags.tail,
        timestamps: flags.timestamps ? 1 : 0,
        details: flags.details ? 1 : 0,
        since,
      },
    },
    session.interrupted,
  );
  try {
    for await (const frame of frames(body, flags.tty === true)) {
      const text = flags.details
        ? withTask(frame.data.toString(), flags.serviceName ?? "")
        : frame.data;
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
      yield { stream: rest[0] === 1 ? "stdout" : "stderr", data: rest.subarray(8, 8 + size) };
      rest = rest.subarray(8 + size);
    }
  }
}

// "com.docker.swarm.node.id=N,com.docker.swarm.service.id=S,com.docker.swarm.task.id=T text"
function withTask(line: string, service: string): string {
  const at = line.indexOf(" ");
  const details = new Map(
    line
      .slice(0, at)
      .split(",")
      .map((pair) => pair.split("=") as [string, string]),
  );
  const task = details.get("com.docker.swarm.task.id");
  const node = details.get("com.docker.swarm.node.id");
  if (task === undefined) return line;
  return `${service}.${task.slice(0, 12)}@${(node ?? "").slice(0, 12)}    | ${line.slice(at + 1)}`;
}

function sinceSeconds(text: string, nowMs: number): number {
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at / 1000;
  try {
    return (nowMs - parseDuration("--since", text) / 1e6) / 1000;
  } catch {
    throw invalid("--since", text, "an RFC 3339 time or a duration such as 10m");
  }
}
