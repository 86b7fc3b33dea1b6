import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { ClusterError, type ErrorCode } from "../base/errors.ts";
import type { ContainerFolders } from "./folder-layout.ts";

const syncBytesMax = 64 * 1024;

export interface ConmonOptions {
  readonly conmonPath: string;
  readonly runcPath: string;
  readonly runcRoot: string;
  readonly exitsFolder: string;
  readonly id: string;
  readonly name: string;
  readonly folders: ContainerFolders;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly keepStdinOpen: boolean;
  readonly logMaxBytes: number;
}

/** conmon's command line for one container. */
export function conmonArgs(options: ConmonOptions): string[] {
  const { folders } = options;
  return [
    ...["--api-version", "1", "--cid", options.id, "--cuuid", options.id, "--name", options.name],
    ...["--runtime", options.runcPath],
    ...["--runtime-arg", "--root", "--runtime-arg", options.runcRoot],
    ...["--bundle", folders.bundle, "--container-pidfile", folders.pidFile],
    ...["--conmon-pidfile", folders.conmonPidFile],
    ...["--exit-dir", options.exitsFolder, "--persist-dir", folders.persist],
    ...["--log-path", `k8s-file:${folders.log}`, "--log-size-max", String(options.logMaxBytes)],
    ...["--log-level", "error", "--full-attach", "--no-sync-log"],
    ...(options.tty ? ["--terminal"] : []),
    ...(options.openStdin ? ["--stdin"] : []),
    ...(options.openStdin && options.keepStdinOpen ? ["--leave-stdin-open"] : []),
  ];
}

/**
 * Creates the container through conmon, which holds its streams and outlives us: it forks twice, in a
 * session of its own. Resolves with the pid of the container's first process, which waits for `start`.
 * INTERNAL with the runtime's own words when it fails, FAILED_PRECONDITION when the program cannot be run.
 */
export async function launchConmon(
  options: ConmonOptions,
  deps: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<number> {
  const child = spawn(options.conmonPath, conmonArgs(options), {
    // Its working folder receives an "oom" file, so it must be the container's own.
    cwd: options.folders.bundle,
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", _OCI_SYNCPIPE: "3" },
  });
  const stderr: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => {
    if (stderr.length < 16) stderr.push(chunk);
  });
  const sync = child.stdio[3] as Readable;
  return await new Promise<number>((resolve, reject) => {
    let text = "";
    const settle = (finish: () => void) => {
      timer.cancel();
      sync.destroy();
      child.stderr?.destroy();
      finish();
    };
    const fail = (reason: string) =>
      settle(() =>
        reject(
          new ClusterError(
            launchErrorCode(reason),
            `cannot create container ${options.name}: ${reason}`,
          ),
        ),
      );
    const timer = deps.clock.setTimer(deps.timeoutMs, () => {
      child.kill("SIGKILL");
      fail(`conmon did not answer within ${deps.timeoutMs} ms`);
    });
    child.on("error", (error) => fail(`cannot run conmon: ${error.message}`));
    sync.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes("\n") && text.length < syncBytesMax) return;
      const answer = parseSyncMessage(text);
      if (answer.pid > 0) settle(() => resolve(answer.pid));
      else fail(answer.message);
    });
    sync.on("end", () => {
      const said = Buffer.concat(stderr).toString().trim();
      fail(said === "" ? "conmon ended without an answer" : said);
    });
  });
}

/** A command that the image lacks or may not run is the user's doing; all else is ours. */
function launchErrorCode(reason: string): ErrorCode {
  const user = /exec: |executable file not found|exec format error|mkdir .*: not a directory/;
  return user.test(reason) ? "FAILED_PRECONDITION" : "INTERNAL";
}

/** What conmon wrote to its sync pipe: a pid, or -1 and the runtime's words. */
export function parseSyncMessage(text: string): { pid: number; message: string } {
  try {
    const value: unknown = JSON.parse(text.split("\n", 1)[0] ?? "");
    if (typeof value === "object" && value !== null) {
      const pid = "data" in value && typeof value.data === "number" ? value.data : -1;
      const message = "message" in value && typeof value.message === "string" ? value.message : "";
      return { pid, message: runtimeReason(message) };
    }
  } catch {
    // Falls through: not JSON.
  }
  return { pid: -1, message: `conmon answered "${text.slice(0, 200)}"` };
}

/** runc's own words without its log prefix: `time=… level=error msg="…"` -> the message. */
export function runtimeReason(text: string): string {
  const match = /msg="((?:[^"\\]|\\.)*)"/.exec(text);
  const reason = (match?.[1] ?? text).replaceAll('\\"', '"').trim();
  return reason === "" ? "the container runtime gave no reason" : reason;
}
