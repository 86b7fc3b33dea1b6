import { closeSync, fstatSync } from "node:fs";
import { mkdir, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ClusterError } from "../../base/errors.ts";
import { mount, mountFlags } from "../../base/linux.ts";
import { openInRoot, openPathOnly } from "../../runtime/open-in-root.ts";
import { unmountAll } from "./driver-mount.ts";

/** A part of a volume, held open: whatever programs do to the folders above it, it stays the same one. */
export interface OpenSubpath {
  /** A path to it for this process and its children; good until `close`. */
  readonly path: string;
  readonly isFolder: boolean;
  close(): void;
}

/** Opens a path in a volume; no link in it leads out. INVALID_ARGUMENT when it is not there. */
export function openSubpath(
  volume: { name: string; mountpoint: string },
  subpath: string,
): OpenSubpath {
  const fd = openInRoot(volume.mountpoint, subpath, openPathOnly);
  if (fd === undefined) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `volume ${volume.name}: cannot access path ${join(volume.mountpoint, subpath)}: no such file or directory; make it in the volume first`,
    );
  }
  return {
    path: `/proc/${process.pid}/fd/${fd}`,
    isFolder: fstatSync(fd).isDirectory(),
    close: () => closeSync(fd),
  };
}

/** Mounts what was opened at `place`, which is made: a path that nobody else can lead elsewhere. */
export async function bindSubpath(subpath: OpenSubpath, place: string): Promise<void> {
  await unmountAll(place);
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  if (subpath.isFolder) await mkdir(place, { recursive: true });
  else await writeFile(place, "");
  mount(subpath.path, place, "none", mountFlags.bind, "");
}

/** Takes away what `bindSubpath` has mounted in this folder, and the folder. */
export async function unbindSubpaths(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const place = join(folder, name);
    await unmountAll(place);
    // Not with what is in it: were it still mounted, that would be the volume's.
    await rmdir(place).catch(() => rm(place, { force: true }));
  }
  if (names.length > 0) await rmdir(folder);
}
