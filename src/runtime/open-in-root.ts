import { closeSync, fstatSync, readSync } from "node:fs";
import koffi from "koffi";
import { ClusterError } from "../base/errors.ts";

// openat2(2) with RESOLVE_IN_ROOT lets the kernel resolve each symbolic link as the container would,
// so that no link in an image or made by a running program leads out to the host.

const sysOpenat2 = 437;
const resolveInRoot = 0x10;
const resolveNoMagicLinks = 0x02;
const openNonBlocking = 0o4000;
const openCloseOnExec = 0o2000000;
const openDirectory = 0o200000;

/** O_PATH: the place only, whatever is there, and nothing of it is read. */
export const openPathOnly = 0o10000000;

const libc = koffi.load(null);
const openFolder = libc.func("int open(const char *path, int flags)");
const closeFd = libc.func("int close(int fd)");
const syscall4 = libc.func(
  "long syscall(long number, int folder, const char *path, const void *how, size_t size)",
);

/**
 * Opens `path` as seen from inside `root`. undefined when it does not exist. The caller closes the fd.
 * INVALID_ARGUMENT when it cannot be resolved there.
 */
export function openInRoot(root: string, path: string, flags = 0): number | undefined {
  const folder: number = openFolder(root, openPathOnly | openDirectory | openCloseOnExec);
  if (folder < 0) throw new ClusterError("INTERNAL", `cannot open folder ${root}`);
  try {
    const how = Buffer.alloc(24);
    // openat2 refuses flags that mean nothing together.
    const waiting = (flags & openPathOnly) === 0 ? openNonBlocking : 0;
    how.writeBigUInt64LE(BigInt(flags | waiting | openCloseOnExec), 0);
    how.writeBigUInt64LE(BigInt(resolveInRoot | resolveNoMagicLinks), 16);
    const fd = Number(syscall4(sysOpenat2, folder, path, how, how.length));
    if (fd >= 0) return fd;
    const errno = koffi.errno();
    if (errno === koffi.os.errno["ENOENT"] || errno === koffi.os.errno["ENOTDIR"]) return undefined;
    throw new ClusterError("INVALID_ARGUMENT", `cannot open ${path} in the container's root`);
  } finally {
    closeFd(folder);
  }
}

/** Text of a regular file inside `root`; "" when absent or not a regular file. Reads at most `bytesMax`. */
export function readTextInRoot(root: string, path: string, bytesMax: number): string {
  const fd = openInRoot(root, path);
  if (fd === undefined) return "";
  try {
    if (!fstatSync(fd).isFile()) return "";
    const buffer = Buffer.alloc(Math.min(bytesMax, fstatSync(fd).size));
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(fd, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return buffer.toString("utf8", 0, length);
  } finally {
    closeSync(fd);
  }
}
