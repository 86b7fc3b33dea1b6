import { closeSync, openSync } from "node:fs";
import koffi from "koffi";
import { ClusterError } from "../base/errors.ts";

const ioctlSetWindowSize = 0x5414;
/** OPOST in c_oflag. */
const processOutput = 0x1;
const outputFlagsAt = 4;
const openReadWriteNoTty = 0o2 | 0o400 | 0o2000000;

const libc = koffi.load(null);
const posixOpenpt = libc.func("int posix_openpt(int flags)");
const grantpt = libc.func("int grantpt(int fd)");
const unlockpt = libc.func("int unlockpt(int fd)");
const ptsnameR = libc.func("int ptsname_r(int fd, void *buffer, size_t length)");
const tcgetattr = libc.func("int tcgetattr(int fd, void *termios)");
const cfmakeraw = libc.func("void cfmakeraw(void *termios)");
const tcsetattr = libc.func("int tcsetattr(int fd, int when, const void *termios)");
const ioctl = libc.func("int ioctl(int fd, unsigned long request, const void *argument)");

/** A pseudo terminal: what is written to the one side is read on the other. The caller closes both. */
export interface Pty {
  readonly masterFd: number;
  readonly slaveFd: number;
}

/** Makes a pseudo terminal. INTERNAL when the host has none left. */
export function openPty(): Pty {
  const masterFd: number = posixOpenpt(openReadWriteNoTty);
  const name = Buffer.alloc(64);
  if (masterFd < 0) throw new ClusterError("INTERNAL", "cannot open a pseudo terminal");
  if (grantpt(masterFd) !== 0 || unlockpt(masterFd) !== 0 || ptsnameR(masterFd, name, 64) !== 0) {
    closeSync(masterFd);
    throw new ClusterError("INTERNAL", "cannot open a pseudo terminal");
  }
  const path = name.toString("latin1", 0, name.indexOf(0));
  const slaveFd = openSync(path, openReadWriteNoTty);
  makeRaw(slaveFd);
  return { masterFd, slaveFd };
}

// runc makes it so as well, but what is typed until then would be echoed, and ^D would become a zero byte. Like
// runc we leave the processing of output on: line ends still get their carriage return here.
function makeRaw(fd: number): void {
  const termios = Buffer.alloc(64); // struct termios has 60 bytes
  if (tcgetattr(fd, termios) !== 0) return;
  cfmakeraw(termios);
  termios.writeUInt32LE(termios.readUInt32LE(outputFlagsAt) | processOutput, outputFlagsAt);
  tcsetattr(fd, 0, termios);
}

/** Tells a terminal its size in characters. */
export function resizePty(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows & 0xffff, 0);
  size.writeUInt16LE(columns & 0xffff, 2);
  ioctl(fd, ioctlSetWindowSize, size);
}
