import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync } from "node:fs";
import { readFile, unlink, writeFile } from "node:fs/promises";
import { PassThrough, type Readable, Writable } from "node:stream";
import { ReadStream } from "node:tty";
import type { Clock } from "../base/clock.ts";
import { sleep } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import { signalNumber } from "../model/signal.ts";
import { launchExitCode } from "./launch-error.ts";
import type { OciProcess } from "./oci-types.ts";
import { openPty, resizePty } from "./pty.ts";

/** A command that runs in a container. With a terminal all output is in `stdout`. */
export interface ExecSession {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Ends the command's input when ended. A sink when the command has no input. */
  readonly stdin: Writable;
  /** Exit code; 126 or 127 when the command could not be run. */
  wait(): Promise<number>;
  /** Host pid; 0 while unknown or when it has ended. */
  pid(): Promise<number>;
  resize(rows: number, columns: number): void;
  kill(signal: string): Promise<void>;
}

export interface ExecLaunch {
  readonly runcPath: string;
  readonly runcRoot: string;
  readonly containerId: string;
  /** Unique in the bundle; names its files. */
  readonly execId: string;
  readonly folder: string;
  readonly process: OciProcess;
  readonly openStdin: boolean;
  readonly clock: Clock;
}

/** Runs a process in a running container by `runc exec`; its streams are ours. */
export async function launchExec(launch: ExecLaunch): Promise<ExecSession> {
  const specPath = `${launch.folder}/exec-${launch.execId}.json`;
  const pidPath = `${launch.folder}/exec-${launch.execId}.pid`;
  await writeFile(specPath, JSON.stringify(launch.process), { mode: 0o600 });
  const args = [
    // With a log elsewhere its errors are words on stderr, not lines of a log.
    ...["--root", launch.runcRoot, "--log", "/dev/null"],
    ...["exec", "--process", specPath, "--pid-file", pidPath],
    launch.containerId,
  ];
  const streams = launch.process.terminal
    ? spawnWithTerminal(launch.runcPath, args, launch.process.consoleSize)
    : spawnWithPipes(launch.runcPath, args, launch.openStdin);
  const { child } = streams;
  let exited = false;
  const done = new Promise<number>((resolve, reject) => {
    child.on("error", (error) => {
      reject(new ClusterError("INTERNAL", `cannot run ${launch.runcPath}: ${error.message}`));
    });
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : 15)));
  });
  const told = done.then((code) => {
    // What runc could not run has no pid; runc itself ends with 255.
    return code === 255 && !existsSync(pidPath) ? streams.whyNot().then(launchExitCode) : code;
  });
  const cleaned = cleanUpAfter(told, [specPath, pidPath], () => {
    exited = true;
  });
  cleaned.catch(() => {}); // Whoever waits sees it; nobody has to.
  const pid = async () => {
    for (let tries = 0; tries < 100 && !exited; tries += 1) {
      const text = await readFile(pidPath, "utf8").catch(() => "");
      if (/^\d+$/.test(text)) return Number(text);
      await sleep(launch.clock, 20);
    }
    return 0;
  };
  return {
    stdout: streams.stdout,
    stderr: streams.stderr,
    stdin: streams.stdin,
    wait: () => cleaned,
    pid,
    resize: streams.resize,
    kill: async (signal) => {
      const target = await pid();
      if (target > 0 && !exited) process.kill(target, signalNumber(signal));
    },
  };
}

async function cleanUpAfter(
  done: Promise<number>,
  paths: readonly string[],
  onExit: () => void,
): Promise<number> {
  try {
    return await done;
  } finally {
    onExit();
    await Promise.all(paths.map((path) => unlink(path).catch(() => {})));
  }
}

interface ExecStreams {
  readonly child: ChildProcess;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly stdin: Writable;
  readonly resize: (rows: number, columns: number) => void;
  /** What runc says when it could not run the command; to be asked when it has ended. */
  readonly whyNot: () => Promise<string>;
}

function spawnWithPipes(file: string, args: readonly string[], openStdin: boolean): ExecStreams {
  const child = spawn(file, args, { stdio: [openStdin ? "pipe" : "ignore", "pipe", "pipe"] });
  child.stdin?.on("error", () => {}); // The command may close its input early.
  // Read from the start: Node throws away what nobody reads by the time a child has ended.
  return {
    child,
    stdout: child.stdout?.pipe(new PassThrough()) ?? emptyReadable(),
    stderr: child.stderr?.pipe(new PassThrough()) ?? emptyReadable(),
    stdin: child.stdin ?? sink(),
    resize: () => {},
    whyNot: beginningOf(child.stderr),
  };
}

/** runc copies between its own terminal, the other side of which we hold, and the container's. */
function spawnWithTerminal(
  file: string,
  args: readonly string[],
  size: OciProcess["consoleSize"],
): ExecStreams {
  const pty = openPty();
  // runc takes it over for the container's side when it begins to copy.
  if (size !== undefined) resizePty(pty.masterFd, size.height, size.width);
  const child = spawn(file, args, { stdio: [pty.slaveFd, pty.slaveFd, pty.slaveFd] });
  closeSync(pty.slaveFd);
  const master = new ReadStream(pty.masterFd);
  const stdout = new PassThrough();
  // Reading fails with EIO when the last process has closed the other side: that is the end.
  master.on("error", () => stdout.end());
  master.on("end", () => stdout.end());
  master.pipe(stdout, { end: false });
  const whyNot = beginningOf(master);
  const stdin = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      if (master.destroyed) done();
      else master.write(chunk, () => done());
    },
    final(done) {
      if (!master.destroyed) master.write(Buffer.of(0x04)); // ^D
      done();
    },
  });
  return {
    child,
    stdout,
    stderr: emptyReadable(),
    stdin,
    resize: (rows, columns) => {
      if (master.destroyed) return;
      resizePty(pty.masterFd, rows, columns);
      child.kill("SIGWINCH");
    },
    whyNot,
  };
}

/** Keeps the first 4 KiB of a stream that others read; resolves once it is at its end. */
function beginningOf(stream: Readable | null): () => Promise<string> {
  if (stream === null) return async () => "";
  let text = "";
  const take = (chunk: Buffer) => {
    text += chunk.toString();
    if (text.length > 4096) stream.off("data", take);
  };
  stream.on("data", take);
  const ended = new Promise<void>((resolve) => stream.once("close", resolve));
  return () => ended.then(() => text);
}

function emptyReadable(): Readable {
  const stream = new PassThrough();
  stream.end();
  return stream;
}

function sink(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
