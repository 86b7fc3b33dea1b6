import { once } from "node:events";
import { stat } from "node:fs/promises";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { errorMessage, isClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ContainerRuntime } from "../../runtime/container-runtime.ts";

export interface AttachRequest {
  /** What the container reads; undefined = nothing from here. */
  readonly stdin?: Readable | undefined;
  /** Also what was written before. */
  readonly logs: boolean;
  /** Also what is written from now on. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** The output of a container for one who is attached. With a terminal all is in `stdout`. */
export interface AttachOutput {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when all has been read; never rejects. */
  readonly done: Promise<void>;
}

/**
 * Starts to read a container's output: its log from now on, or from its begin. `ended` says when nothing more can come; the
 * container need not run yet. Call it while nothing can start the container.
 */
export async function openAttachOutput(
  id: string,
  { logs, follow, signal }: Pick<AttachRequest, "logs" | "follow" | "signal">,
  ended: Promise<unknown>,
  deps: { readonly runtime: ContainerRuntime; readonly log: Logger },
): Promise<AttachOutput> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const path = deps.runtime.reusable.logPath(id);
  const fromByte = logs ? 0 : await sizeOf(path);
  const entries = deps.runtime.logs(id, { follow, fromByte, signal }, ended);
  const pump = async (): Promise<void> => {
    try {
      for await (const { stream, data } of entries) {
        const target = stream === "stderr" ? stderr : stdout;
        if (target.destroyed) continue;
        if (!target.write(data)) await Promise.race([once(target, "drain"), once(target, "close")]);
      }
    } catch (error) {
      if (!signal.aborted) {
        deps.log.warn({ containerId: id, err: errorMessage(error) }, "attached output broke");
      }
    } finally {
      stdout.end();
      stderr.end();
    }
  };
  return { stdout, stderr, done: pump() };
}

/**
 * Passes what a client types on to the container. The client's end of input ends the container's, and so does its going
 * away, unless the container keeps its input open (a matter of how it was launched). Of a program that has ended already, what is
 * typed goes nowhere.
 */
export function connectInput(stdin: Readable, open: () => Writable): void {
  let input: Writable;
  try {
    input = open();
  } catch (error) {
    if (!isClusterError(error, "FAILED_PRECONDITION")) throw error;
    stdin.resume();
    return;
  }
  // The program may close its input, or end, at any time.
  input.on("error", () => stdin.resume());
  stdin.on("error", () => input.destroy());
  stdin.on("close", () => {
    if (!input.writableEnded) input.end();
  });
  stdin.pipe(input);
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
