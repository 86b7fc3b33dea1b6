import { closeSync, fstatSync, readlinkSync } from "node:fs";
import { chmod, chown, mkdir, readdir, rename, rm, rmdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../base/command.ts";
import { ClusterError } from "../../base/errors.ts";
import { mount, mountFlags, unmount } from "../../base/linux.ts";
import { openInRoot, openPathOnly } from "../../runtime/open-in-root.ts";

const copyTimeoutMs = 600_000;
/** The kernel takes mount options of at most one page. */
const mountDataBytesMax = 4095;

export interface FillVolume {
  /** Unpacked image layers, topmost first. */
  readonly layerPaths: readonly string[];
  /** What of the image: a path in it. */
  readonly target: string;
  /** The folder to fill. */
  readonly folder: string;
  /** A folder on the same mount that only we use; undefined when there is none. */
  readonly staging: string | undefined;
  /** Where the image can be mounted for a moment. */
  readonly viewFolder: string;
}

/**
 * Copies what the image has at a path into an empty folder, with owners, modes and times, and gives the folder the same. Nothing
 * happens when the folder is not empty, or when the image has no folder there.
 */
export async function fillVolume(fill: FillVolume): Promise<void> {
  if ((await readdir(fill.folder)).length > 0) return;
  await withImage(fill.layerPaths, fill.viewFolder, async (root) => {
    const source = realFolder(root, fill.target);
    if (source === undefined) return;
    if (fill.staging === undefined) await copyContent(source, fill.folder);
    else await copyOver(source, fill.staging, fill.folder);
  });
}

// Programs that already use the volume may change it under our hands: `cp` would follow the links they make. So nothing is copied
// into it, only moved: a rename replaces a link and never follows it.
async function copyOver(source: string, staging: string, folder: string): Promise<void> {
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { mode: 0o700 });
  try {
    await copyContent(source, staging);
    const own = await stat(staging);
    for (const name of await readdir(staging)) {
      await rename(join(staging, name), join(folder, name));
    }
    await chown(folder, own.uid, own.gid);
    await chmod(folder, own.mode & 0o7777);
    await utimes(folder, own.atime, own.mtime);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function copyContent(source: string, folder: string): Promise<void> {
  const args = ["-a", "--", `${source}/.`, folder];
  await runCommand("cp", args, { timeoutMs: copyTimeoutMs });
}

/** Where this folder of the image is; links in it lead nowhere else. Images do not change, so the path stays good. */
function realFolder(root: string, path: string): string | undefined {
  const fd = openInRoot(root, path, openPathOnly);
  if (fd === undefined) return undefined;
  try {
    return fstatSync(fd).isDirectory() ? readlinkSync(`/proc/self/fd/${fd}`) : undefined;
  } finally {
    closeSync(fd);
  }
}

async function withImage(
  layerPaths: readonly string[],
  viewFolder: string,
  use: (root: string) => Promise<void>,
): Promise<void> {
  const [first, ...others] = layerPaths;
  if (first === undefined) return;
  if (others.length === 0) return await use(first);
  const options = `lowerdir=${layerPaths.join(":")}`;
  if (Buffer.byteLength(options) > mountDataBytesMax) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `an image of ${layerPaths.length} layers is too many for one mount; use a shorter data root or fewer layers`,
    );
  }
  await mkdir(viewFolder, { recursive: true, mode: 0o700 });
  mount("overlay", viewFolder, "overlay", mountFlags.readOnly, options);
  try {
    await use(viewFolder);
  } finally {
    unmount(viewFolder);
    await rmdir(viewFolder);
  }
}
