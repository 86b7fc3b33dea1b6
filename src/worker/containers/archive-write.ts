import { closeSync, fstatSync, type Stats } from "node:fs";
import { link, lstat, mkdir, rm, symlink } from "node:fs/promises";
import { posix } from "node:path";
import type { Readable } from "node:stream";
import tar from "tar-stream";
import { ClusterError, errnoCode } from "../../base/errors.ts";
import { decompress } from "../../image/decompress.ts";
import {
  applyMetadata,
  linkTarget,
  makeNodeEntry,
  writeFileEntry,
} from "../../image/entry-files.ts";
import { feedTar } from "../../image/tar-feed.ts";
import { openInRoot, openPathOnly } from "../../runtime/open-in-root.ts";
import type { RootedPath } from "./container-path.ts";

export interface WriteArchiveOptions {
  /** A folder is never replaced by a file, nor a file by a folder. */
  readonly keepKinds: boolean;
}

/**
 * Unpacks a tar, compressed or not, into a folder of a container. Each entry's folder is looked up anew as the container would, so that no link that
 * a running program makes leads out to the host. NOT_FOUND, INVALID_ARGUMENT, PERMISSION_DENIED.
 */
export async function writeArchive(
  { root, path, isReadOnly }: RootedPath,
  source: Readable,
  { keepKinds }: WriteArchiveOptions,
): Promise<void> {
  if (isReadOnly) {
    throw new ClusterError("PERMISSION_DENIED", "container rootfs is marked read-only");
  }
  await withFolder(root, path, async () => {});
  const extract = tar.extract();
  const feeding = feedTar(decompress(source), extract);
  try {
    for await (const entry of extract) {
      const name = posix.resolve("/", entry.header.name).slice(1);
      if (name === "") {
        entry.resume();
        continue;
      }
      const parent = posix.join(path, posix.dirname(name));
      await makeFolders(root, path, posix.dirname(name));
      await withFolder(root, parent, async (folder) => {
        const target = `${folder}/${posix.basename(name)}`;
        const content = entry as AsyncIterable<Uint8Array>;
        await writeEntry(root, path, target, entry.header, content, keepKinds);
      });
      entry.resume();
    }
    await feeding;
  } catch (error) {
    extract.destroy(null);
    if (error instanceof ClusterError || (error instanceof Error && "syscall" in error))
      throw error;
    throw new ClusterError("INVALID_ARGUMENT", "the archive is not a tar", { cause: error });
  }
}

async function writeEntry(
  root: string,
  base: string,
  target: string,
  header: tar.Header,
  content: AsyncIterable<Uint8Array>,
  keepKinds: boolean,
): Promise<void> {
  const before = await statOrAbsent(target);
  const isFolder = header.type === "directory";
  if (before !== undefined && keepKinds && before.isDirectory() !== isFolder) {
    const kind = (folder: boolean): string => (folder ? "directory" : "non-directory");
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `cannot overwrite ${kind(before.isDirectory())} with ${kind(isFolder)}: ${header.name}`,
    );
  }
  if (before !== undefined && !(before.isDirectory() && isFolder)) {
    await rm(target, { recursive: true, force: true });
  }
  switch (header.type) {
    case "file":
    case "contiguous-file":
      await writeFileEntry(target, header, content);
      return;
    case "directory":
      if (before?.isDirectory() !== true) await mkdir(target, { mode: 0o755 });
      await applyMetadata(target, header);
      return;
    case "symlink":
      await symlink(linkTarget(header), target);
      await applyMetadata(target, header);
      return;
    case "link": {
      const name = posix.join(base, posix.resolve("/", linkTarget(header)));
      await withFolder(root, posix.dirname(name), (folder) =>
        link(`${folder}/${posix.basename(name)}`, target),
      );
      return;
    }
    case "character-device":
    case "block-device":
    case "fifo":
      makeNodeEntry(target, header.type, header);
      await applyMetadata(target, header);
      return;
    default:
      throw new ClusterError("INVALID_ARGUMENT", `entry "${header.name}" is of an unknown type`);
  }
}

async function makeFolders(root: string, base: string, relative: string): Promise<void> {
  if (relative === ".") return;
  const parent = posix.dirname(relative);
  const path = posix.join(base, relative);
  const fd = openInRoot(root, path, openPathOnly);
  if (fd !== undefined) {
    closeSync(fd);
    return;
  }
  await makeFolders(root, base, parent);
  await withFolder(root, posix.join(base, parent), (folder) =>
    mkdir(`${folder}/${posix.basename(relative)}`, { mode: 0o755 }),
  );
}

// A path of this process for a folder that cannot be exchanged meanwhile.
async function withFolder(
  root: string,
  path: string,
  use: (folder: string) => Promise<unknown>,
): Promise<void> {
  const fd = openInRoot(root, path, openPathOnly);
  if (fd === undefined) {
    throw new ClusterError("NOT_FOUND", `Could not find the file ${path} in container`);
  }
  try {
    if (!fstatSync(fd).isDirectory()) {
      throw new ClusterError("INVALID_ARGUMENT", "extraction point is not a directory");
    }
    await use(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

async function statOrAbsent(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
