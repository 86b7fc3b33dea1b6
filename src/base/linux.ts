import { closeSync, openSync } from "node:fs";
import koffi from "koffi";
import { ClusterError } from "./errors.ts";

// System calls that Node does not offer. All are synchronous and short (below a millisecond), and a
// namespace change never outlives the call: the thread is back where it was when they return.

const cloneNewNet = 0x40000000;
const msBind = 4096;
const mntDetach = 2;

const libc = koffi.load(null);
const sysSetns = libc.func("int setns(int fd, int nstype)");
const sysUnshare = libc.func("int unshare(int flags)");
const sysMount = libc.func(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const sysUmount2 = libc.func("int umount2(const char *target, int flags)");

/** Flags of mount(2). */
export const mountFlags = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  remount: 32,
  bind: msBind,
  recursive: 16384,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
} as const;

/** mount(2). INTERNAL with the errno name. */
export function mount(
  source: string,
  target: string,
  type: string,
  flags: number,
  data: string,
): void {
  check(sysMount(source, target, type, flags, data), `mount ${type} on ${target}`);
}

/** umount2(2) with MNT_DETACH. A path that is not mounted is no error. */
export function unmount(target: string): void {
  const result: number = sysUmount2(target, mntDetach);
  if (result !== 0) {
    const errno = koffi.errno();
    if (errno !== koffi.os.errno["EINVAL"] && errno !== koffi.os.errno["ENOENT"]) {
      throw systemError(`unmount ${target}`, errno);
    }
  }
}

/** Makes a network namespace that lives as long as `path` (a new file) stays mounted. */
export function createNetworkNamespace(path: string): void {
  closeSync(openSync(path, "wx", 0o600));
  const own = openSync("/proc/thread-self/ns/net", "r");
  try {
    check(sysUnshare(cloneNewNet), "make a network namespace");
    try {
      check(
        sysMount("/proc/thread-self/ns/net", path, "none", msBind, null),
        `keep network namespace ${path}`,
      );
    } finally {
      returnTo(own);
    }
  } finally {
    closeSync(own);
  }
}

/** Runs the synchronous `fn` with this thread in the network namespace at `path`. */
export function inNetworkNamespace<T>(path: string, fn: () => T): T {
  const own = openSync("/proc/thread-self/ns/net", "r");
  try {
    const target = openSync(path, "r");
    try {
      check(sysSetns(target, cloneNewNet), `enter network namespace ${path}`);
    } finally {
      closeSync(target);
    }
    try {
      return fn();
    } finally {
      returnTo(own);
    }
  } finally {
    closeSync(own);
  }
}

function returnTo(namespaceFd: number): void {
  // Going on in a foreign namespace would misdirect everything this process does.
  if (sysSetns(namespaceFd, cloneNewNet) !== 0) process.abort();
}

function check(result: number, what: string): void {
  if (result !== 0) throw systemError(what, koffi.errno());
}

function systemError(what: string, errno: number): ClusterError {
  const name =
    Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  return new ClusterError("INTERNAL", `cannot ${what}: ${name}`, { details: { errno: name } });
}
