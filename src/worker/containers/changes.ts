import type { Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** A path that a container has changed beside its image. */
export interface ChangedPath {
  readonly kind: "modified" | "added" | "deleted";
  readonly path: string;
}

export interface ChangedLayers {
  /** What it wrote, in overlayfs' form. */
  readonly upper: string;
  /** Layers of its image, topmost first. */
  readonly lower: readonly string[];
  /** Paths that were made only to mount something there. */
  readonly mountPoints: readonly string[];
}

const pathsMax = 100_000;

/** Made by the container's start, not by its program. */
const ownPaths = ["/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/** What `docker diff` shows, by path. Stops after 100,000 paths. */
export async function listChanges(layers: ChangedLayers): Promise<ChangedPath[]> {
  const hidden = new Set([...ownPaths, ...layers.mountPoints]);
  const found: ChangedPath[] = [];
  await walk("", layers, hidden, found);
  return withoutIdleParents(found, layers.mountPoints);
}

async function walk(
  folder: string,
  layers: ChangedLayers,
  hidden: ReadonlySet<string>,
  found: ChangedPath[],
): Promise<void> {
  const names = await readdir(join(layers.upper, folder)).catch(() => []);
  for (const name of names.sort()) {
    const path = `${folder}/${name}`;
    if (hidden.has(path) || found.length >= pathsMax) continue;
    const stat = await statOrAbsent(join(layers.upper, path));
    if (stat === undefined) continue;
    // overlayfs hides a lower name by a character device 0:0.
    if (stat.isCharacterDevice() && stat.rdev === 0) {
      found.push({ kind: "deleted", path });
      continue;
    }
    const existed = await isInImage(layers.lower, path);
    found.push({ kind: existed ? "modified" : "added", path });
    if (stat.isDirectory()) await walk(path, layers, hidden, found);
  }
}

// A folder that was copied up only to hold a mount point or a file of ours says nothing.
function withoutIdleParents(
  found: readonly ChangedPath[],
  mountPoints: readonly string[],
): ChangedPath[] {
  const above = [...ownPaths, ...mountPoints];
  return found.filter(({ kind, path }) => {
    const holdsOurs = above.some((own) => own.startsWith(`${path}/`));
    const holdsOthers = found.some((other) => other.path.startsWith(`${path}/`));
    return !(holdsOurs && !holdsOthers && kind !== "deleted");
  });
}

// From the top: the first layer that says something of the name decides.
async function isInImage(lower: readonly string[], path: string): Promise<boolean> {
  for (const layer of lower) {
    const stat = await statOrAbsent(join(layer, path));
    if (stat !== undefined) return !(stat.isCharacterDevice() && stat.rdev === 0);
  }
  return false;
}

async function statOrAbsent(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined);
}
