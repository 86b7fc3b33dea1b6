import koffi from "koffi";
import { ClusterError } from "../base/errors.ts";

// Calls on files that Node does not offer. None follows a symbolic link at the path's end.

const libc = koffi.load(null);
const sysMknod = libc.func("int mknod(const char *path, unsigned int mode, unsigned long device)");
const sysLsetxattr = libc.func(
  "int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)",
);
const sysSyncfs = libc.func("int syncfs(int fd)");

const typeBits = {
  "character-device": 0o020000,
  "block-device": 0o060000,
  fifo: 0o010000,
} as const;

/** Makes a device node or named pipe. PERMISSION_DENIED when the kernel refuses. */
export function makeNode(
  path: string,
  type: keyof typeof typeBits,
  mode: number,
  major: number,
  minor: number,
): void {
  // The layout of glibc's makedev(3).
  const high = (major >>> 12) * 2 ** 44 + (minor >>> 8) * 2 ** 20;
  const device = high + (major & 0xfff) * 256 + (minor & 0xff);
  if (sysMknod(path, typeBits[type] | (mode & 0o7777), device) !== 0) {
    throw new ClusterError("PERMISSION_DENIED", `cannot make ${type} ${path}`);
  }
}

/** Sets an extended attribute; false when the kernel or file system refuses. */
export function setXattr(path: string, name: string, value: Uint8Array): boolean {
  return sysLsetxattr(path, name, value, value.length, 0) === 0;
}

/** Writes a file system's pending data to the disk, off this thread. */
export function syncFileSystem(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    sysSyncfs.async(fd, (error: unknown, result: number) => {
      if (error || result !== 0)
        reject(new ClusterError("INTERNAL", "cannot sync the file system"));
      else resolve();
    });
  });
}
