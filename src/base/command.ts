import { spawn } from "node:child_process";
import { ClusterError } from "./errors.ts";

const outputBytesMax = 4 * 1024 * 1024;

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  /** After this the process group gets SIGKILL and the call fails with DEADLINE_EXCEEDED. */
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
export function tryCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    collect(child.stdout, stdout);
    collect(child.stderr, stderr);
    child.stdin.on("error", () => {}); // the program may close its input early
    child.stdin.end(options.input);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(
        new ClusterError("INTERNAL", `cannot run ${file}: ${error.message}`, { cause: error }),
      );
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (timedOut) {
        reject(
          new ClusterError("DEADLINE_EXCEEDED", `${file} did not finish within ${timeoutMs} ms`),
        );
        return;
      }
      resolve({
        exitCode: code ?? (signal === null ? 1 : 128),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
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

function collect(stream: NodeJS.ReadableStream, chunks: Buffer[]): void {
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= outputBytesMax) chunks.push(chunk);
  });
}
