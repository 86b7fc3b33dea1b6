import { closeSync, openSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import koffi from "koffi";
import { ClusterError } from "./errors.ts";

// Node starts a child with fork(2), which copies the page tables of this whole process first: some milliseconds in which the event
// loop stands still. posix_spawn(3) of the C library shares the memory until the child's exec: a third of a millisecond.

const openCloseOnExec = 0o2000000;
const memfdCloseOnExec = 1;
const waitNoHang = 1;
const spawnSetSignalDefaults = 4;
const spawnSetSession = 0x80;
/** Both structures are opaque and smaller than this with every C library. */
const opaqueBytes = 512;
const reapPollMs = 1;

const libc = koffi.load(null);
const posixSpawnp = libc.func(
  "int posix_spawnp(_Out_ int *pid, const char *file, void *actions, void *attributes, const char **argv, const char **envp)",
);
const actionsInit = libc.func("int posix_spawn_file_actions_init(void *actions)");
const actionsDup2 = libc.func(
  "int posix_spawn_file_actions_adddup2(void *actions, int from, int to)",
);
const actionsChdir = libc.func(
  "int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)",
);
const actionsDestroy = libc.func("int posix_spawn_file_actions_destroy(void *actions)");
const attributesInit = libc.func("int posix_spawnattr_init(void *attributes)");
const attributesFlags = libc.func("int posix_spawnattr_setflags(void *attributes, int16_t flags)");
const attributesDefaults = libc.func(
  "int posix_spawnattr_setsigdefault(void *attributes, const void *signals)",
);
const attributesDestroy = libc.func("int posix_spawnattr_destroy(void *attributes)");
const pipe2 = libc.func("int pipe2(_Out_ int *fds, int flags)");
const memfdCreate = libc.func("int memfd_create(const char *name, unsigned int flags)");
const waitpid = libc.func("int waitpid(int pid, _Out_ int *status, int options)");

/** Every signal: a child shall not inherit that this process ignores some. */
const allSignals = Buffer.alloc(128, 0xff);

export interface SpawnOptions {
  readonly input: string | Uint8Array;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string | undefined;
  /** A session of its own: signals to our group do not reach it. */
  readonly newSession?: boolean;
}

/** A child process that was started with its input complete. */
export interface SpawnedChild {
  readonly pid: number;
  /** End when the child and those it left its outputs to have closed them. */
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** The exit code, 128 + number after a signal. Call once, after both outputs have ended. */
  reap(): Promise<number>;
}

/** Starts a program of PATH, in the network namespace of the calling thread. INTERNAL with the errno when it cannot be run. */
export function posixSpawn(
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): SpawnedChild {
  const input = inputFile(options.input);
  const stdout = makePipe();
  const stderr = makePipe();
  const actions = Buffer.alloc(opaqueBytes);
  const attributes = Buffer.alloc(opaqueBytes);
  actionsInit(actions);
  attributesInit(attributes);
  try {
    actionsDup2(actions, input, 0);
    actionsDup2(actions, stdout.writeFd, 1);
    actionsDup2(actions, stderr.writeFd, 2);
    if (options.cwd !== undefined) actionsChdir(actions, options.cwd);
    const session = options.newSession === true ? spawnSetSession : 0;
    attributesFlags(attributes, spawnSetSignalDefaults | session);
    attributesDefaults(attributes, allSignals);
    const pid = [0];
    const argv = [file, ...args, null];
    const envp = [...environment(options.env), null];
    const errno: number = posixSpawnp(pid, file, actions, attributes, argv, envp);
    if (errno !== 0) throw new ClusterError("INTERNAL", `cannot run ${file}: ${errnoName(errno)}`);
    const child = pid[0] ?? 0;
    return {
      pid: child,
      stdout: readerOf(stdout.readFd),
      stderr: readerOf(stderr.readFd),
      reap: () => reap(child),
    };
  } catch (error) {
    closeSync(stdout.readFd);
    closeSync(stderr.readFd);
    throw error;
  } finally {
    actionsDestroy(actions);
    attributesDestroy(attributes);
    for (const fd of [input, stdout.writeFd, stderr.writeFd]) closeSync(fd);
  }
}

async function reap(pid: number): Promise<number> {
  for (;;) {
    const status = [0];
    const result: number = waitpid(pid, status, waitNoHang);
    if (result === pid) {
      const word = status[0] ?? 0;
      const signal = word & 0x7f;
      return signal === 0 ? (word >> 8) & 0xff : 128 + signal;
    }
    if (result < 0) return 255; // somebody else has reaped it
    // Its outputs are closed: it ends within moments.
    await new Promise((resolve) => setTimeout(resolve, reapPollMs));
  }
}

function inputFile(input: string | Uint8Array): number {
  if (input.length === 0) return openSync("/dev/null", "r");
  const fd: number = memfdCreate("stdin", memfdCloseOnExec);
  if (fd < 0) throw new ClusterError("INTERNAL", "cannot make a file in memory");
  const bytes = typeof input === "string" ? Buffer.from(input) : input;
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
  return fd;
}

function makePipe(): { readFd: number; writeFd: number } {
  const fds = [0, 0];
  if (pipe2(fds, openCloseOnExec) !== 0) {
    throw new ClusterError("INTERNAL", `cannot make a pipe: ${errnoName(koffi.errno())}`);
  }
  return { readFd: fds[0] ?? 0, writeFd: fds[1] ?? 0 };
}

function readerOf(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: false });
}

function environment(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
}

function errnoName(errno: number): string {
  return (
    Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`
  );
}
