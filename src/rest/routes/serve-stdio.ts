import { type Duplex, PassThrough } from "node:stream";
import { errorMessage } from "../../base/errors.ts";
import type { StdioSession } from "../backend/containers.ts";
import type { UpgradeReply } from "../http/reply.ts";
import { writeChunk } from "../http/write-reply.ts";
import { frame, frameOutputs } from "../streams.ts";

export interface StdioOptions {
  readonly contentType: string;
  readonly tty: boolean;
  /** Which streams the client wants. */
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Called once the client has its answer. */
  readonly open: (
    stdin: PassThrough | undefined,
    signal: AbortSignal,
  ) => StdioSession | Promise<StdioSession>;
  /** The process ended; the pipe is closed after this. */
  readonly onExit?: (exitCode: number) => void;
}

/**
 * Joins a client's connection with a process: what comes in is its input, whose end (half-close)
 * ends the input only; its output goes out framed, or raw with a terminal.
 */
export function serveStdio(options: StdioOptions): UpgradeReply {
  return {
    kind: "upgrade",
    contentType: options.contentType,
    serve: async (pipe, signal) => {
      const stdin = options.stdin ? new PassThrough() : undefined;
      if (stdin === undefined) pipe.resume();
      else pipe.pipe(stdin);
      const session = await openOrTell(options, pipe, stdin, signal);
      if (session === undefined) return;
      const onGone = () => session.close();
      signal.addEventListener("abort", onGone, { once: true });
      try {
        const outputs = frameOutputs(
          options.stdout ? session.stdout : drained(session.stdout),
          options.stderr && !options.tty ? session.stderr : drained(session.stderr),
          options.tty,
        );
        for await (const chunk of outputs) {
          if (!(await writeChunk(pipe, chunk))) break;
        }
        if (!signal.aborted) options.onExit?.(await session.wait());
      } finally {
        signal.removeEventListener("abort", onGone);
        stdin?.destroy();
      }
    },
  };
}

// The answer has begun, so the only place left for the reason is the output itself.
async function openOrTell(
  options: StdioOptions,
  pipe: Duplex,
  stdin: PassThrough | undefined,
  signal: AbortSignal,
): Promise<StdioSession | undefined> {
  try {
    return await options.open(stdin, signal);
  } catch (error) {
    const text = Buffer.from(`${errorMessage(error)}\r\n`);
    await writeChunk(pipe, options.tty ? text : frame("stderr", text));
    stdin?.destroy();
    return undefined;
  }
}

// Output nobody wants must still be read, or the process would block on it.
function drained(stream: StdioSession["stdout"]): undefined {
  stream.resume();
  return undefined;
}
