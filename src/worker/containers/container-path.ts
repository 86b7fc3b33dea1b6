import { closeSync, constants, fstatSync, type Stats } from "node:fs";
import { readlink } from "node:fs/promises";
import { posix } from "node:path";
import { ClusterError } from "../../base/errors.ts";
import type { ContainerRuntime } from "../../runtime/container-runtime.ts";
import { openInRoot, openPathOnly } from "../../runtime/open-in-root.ts";

/** A path in a container and the folder of the host that it is resolved in, as the container would. */
export interface RootedPath {
  readonly root: string;
  /** Absolute. */
  readonly path: string;
  readonly isReadOnly: boolean;
}

/** What is at a path; a symbolic link is not followed. */
export interface PathStat {
  readonly name: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedAtMs: number;
  /** Where a symbolic link leads to, absolute; else "". */
  readonly linkTarget: string;
}

/**
 * Where to find a path of a container, running or not. One that does not run has nothing mounted: there the mount's source is
 * looked into.
 */
export async function rootedPath(
  runtime: ContainerRuntime,
  id: string,
  given: string,
): Promise<RootedPath> {
  const path = posix.resolve("/", given);
  const { mounts, readOnly } = runtime.spec(id);
  const above = mounts
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .sort((a, b) => b.target.length - a.target.length)[0];
  const isReadOnly = above?.readOnly ?? readOnly;
  const root = await runtime.reusable.rootfs(id);
  if (runtime.info(id).state === "running" || above?.type !== "bind") {
    return { root, path, isReadOnly };
  }
  const rest = path.slice(above.target.length) || "/";
  return { root: above.source, path: rest, isReadOnly };
}

/** Runs `use` with a path of this process that is what `path` is in `root`; links at its end are followed. NOT_FOUND. */
export async function withOpened<T>(
  { root, path }: RootedPath,
  flags: number,
  use: (hostPath: string, stat: Stats) => Promise<T>,
): Promise<T> {
  const fd = openInRoot(root, path, flags | openPathOnly);
  if (fd === undefined) {
    throw new ClusterError("NOT_FOUND", `Could not find the file ${path} in container`);
  }
  try {
    return await use(`/proc/${process.pid}/fd/${fd}`, fstatSync(fd));
  } finally {
    closeSync(fd);
  }
}

/** NOT_FOUND names the path. */
export async function statRooted(rooted: RootedPath, given: string): Promise<PathStat> {
  return await withOpened(rooted, constants.O_NOFOLLOW, async (_hostPath, stat) => {
    const name = posix.basename(given) || "/";
    const linkTarget = stat.isSymbolicLink() ? await targetOf(rooted) : "";
    const { size, mode, mtimeMs } = stat;
    return { name, sizeBytes: size, mode, modifiedAtMs: mtimeMs, linkTarget };
  });
}

async function targetOf(rooted: RootedPath): Promise<string> {
  const parent = posix.dirname(rooted.path);
  return await withOpened({ ...rooted, path: parent }, 0, async (hostPath) => {
    const target = await readlink(`${hostPath}/${posix.basename(rooted.path)}`);
    return posix.resolve(parent, target);
  });
}
