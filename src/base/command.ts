import type { Socket } from "node:net";
import { ClusterError } from "./errors.ts";
import { posixSpawn } from "./posix-spawn.ts";

const outputBytesMax = 4 * 1024 * 1024;

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  /** After this the program gets SIGKILL and the call fails with DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, never through a shell. Resolves for any exit code; output past 4 MiB is dropped. */
export async function tryCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const child = posixSpawn(file, args, {
    input: options.input ?? "",
    env: options.env ?? process.env,
    cwd: options.cwd,
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    process.kill(child.pid, "SIGKILL");
    // What it started may still hold its outputs.
    child.stdout.destroy();
    child.stderr.destroy();
  }, timeoutMs);
  const [stdout, stderr] = await Promise.all([collect(child.stdout), collect(child.stderr)]);
  clearTimeout(timer);
  const exitCode = await child.reap();
  if (timedOut) {
    throw new ClusterError("DEADLINE_EXCEEDED", `${file} did not finish within ${timeoutMs} ms`);
  }
  return { exitCode, stdout, stderr };
}

/** As tryCommand, but a non-zero exit is an INTERNAL error carrying the program's stderr. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await tryCommand(file, args, options);
  if (result.exitCode !== 0) {
    const reason = result.stderr.trim() || result.stdout.trim() || `exit code ${result.exitCode}`;
    throw new ClusterError("INTERNAL", `${file} ${args[0] ?? ""} failed: ${reason}`);
  }
  return result;
}

function collect(stream: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= outputBytesMax) chunks.push(chunk);
    });
    stream.on("error", () => {}); // "close" follows
    stream.on("close", () => resolve(Buffer.concat(chunks).toString()));
  });
}
