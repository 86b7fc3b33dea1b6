import { constants } from "node:fs";
import { chmod, type FileHandle, lchown, lutimes, open } from "node:fs/promises";
import type tar from "tar-stream";
import { ClusterError } from "../base/errors.ts";
import { makeNode, setXattr } from "./linux-files.ts";

const idMax = 2 ** 32 - 2;
const linkBytesMax = 4095;
const xattrPrefix = "SCHILY.xattr.";

/** Writes a new regular file with its content, owner, mode and time. */
export async function writeFileEntry(
  target: string,
  header: tar.Header,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const file: FileHandle = await open(target, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.chown(ownerId(header.uid), ownerId(header.gid));
    applyXattrs(target, header);
    // After chown, which clears the set-id bits.
    await file.chmod(header.mode & 0o7777);
    await file.utimes(timeOf(header), timeOf(header));
  } finally {
    await file.close();
  }
}

/** Sets an entry's owner, attributes, mode and time; never through a symbolic link. */
export async function applyMetadata(target: string, header: tar.Header): Promise<void> {
  await lchown(target, ownerId(header.uid), ownerId(header.gid));
  applyXattrs(target, header);
  if (header.type !== "symlink") await chmod(target, header.mode & 0o7777);
  if (header.type !== "directory") await lutimes(target, timeOf(header), timeOf(header));
}

/** An image may set no attribute that overlayfs gives a meaning. Binary values that tar-stream mangled are left out. */
function applyXattrs(target: string, header: tar.Header): void {
  const pax = header.pax;
  if (typeof pax !== "object" || pax === null) return;
  for (const [key, value] of Object.entries(pax)) {
    if (!key.startsWith(xattrPrefix) || typeof value !== "string") continue;
    const name = key.slice(xattrPrefix.length);
    if (name.startsWith("trusted.") || value.includes("\ufffd")) continue;
    setXattr(target, name, Buffer.from(value));
  }
}

/** Makes a device or named pipe. DATA_LOSS for device 0:0, which overlayfs takes for a whiteout. */
export function makeNodeEntry(
  target: string,
  type: "character-device" | "block-device" | "fifo",
  header: tar.Header,
): void {
  const major = header.devmajor ?? 0;
  const minor = header.devminor ?? 0;
  if (type === "character-device" && major === 0 && minor === 0) {
    throw new ClusterError("DATA_LOSS", `the layer is refused: device 0:0 at "${header.name}"`);
  }
  makeNode(target, type, header.mode, type === "fifo" ? 0 : major, type === "fifo" ? 0 : minor);
}

function ownerId(id: number | undefined): number {
  const value = id ?? 0;
  if (!Number.isInteger(value) || value < 0 || value > idMax) {
    throw new ClusterError("DATA_LOSS", `the layer is refused: owner ${value}`);
  }
  return value;
}

/** Where a link leads, as written. DATA_LOSS when it leads nowhere. */
export function linkTarget(header: tar.Header): string {
  const target = header.linkname ?? "";
  if (target === "" || target.includes("\0") || Buffer.byteLength(target) > linkBytesMax) {
    throw new ClusterError("DATA_LOSS", `the layer is refused: bad link at "${header.name}"`);
  }
  return target;
}

/** The entry's time; 1970 when it has none. */
export function timeOf(header: tar.Header): Date {
  const time = header.mtime?.getTime() ?? 0;
  return Number.isFinite(time) ? new Date(time) : new Date(0);
}
