import { lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ClusterError, errnoCode } from "../base/errors.ts";
import { mount } from "../base/linux.ts";

/** The kernel takes mount options of at most one page. */
const mountDataBytesMax = 4095;

/**
 * The option string of an overlay mount, layers topmost first. FAILED_PRECONDITION when the layers do
 * not fit in one page; INVALID_ARGUMENT for a path the kernel would misread.
 */
export function overlayOptions(layerPaths: readonly string[], upper: string, work: string): string {
  for (const path of [...layerPaths, upper, work]) {
    if (/[,:\\]/.test(path)) {
      throw new ClusterError("INVALID_ARGUMENT", `folder ${path} must not contain "," ":" or "\\"`);
    }
  }
  const options = `lowerdir=${layerPaths.join(":")},upperdir=${upper},workdir=${work}`;
  if (Buffer.byteLength(options) > mountDataBytesMax) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `an image of ${layerPaths.length} layers is too many for one mount; use a shorter data root or fewer layers`,
    );
  }
  return options;
}

/** Mounts layers plus a writable folder at `target`; makes the folders. */
export async function mountRootfs(
  layerPaths: readonly string[],
  folders: { readonly upper: string; readonly work: string; readonly rootfs: string },
): Promise<void> {
  const { upper, work, rootfs } = folders;
  await Promise.all([upper, work, rootfs].map((path) => mkdir(path, { recursive: true })));
  mount("overlay", rootfs, "overlay", 0, overlayOptions(layerPaths, upper, work));
}

/**
 * FAILED_PRECONDITION for an image whose /dev, /proc or /sys is not a folder: a symbolic link there leads
 * the container runtime's own mounts out to the host (CVE-2026-41579, CVE-2026-47766).
 */
export async function checkRootfs(rootfs: string): Promise<void> {
  for (const name of ["dev", "proc", "sys"]) {
    const found = await lstat(join(rootfs, name)).catch((error: unknown) => {
      if (errnoCode(error) === "ENOENT") return undefined;
      throw error;
    });
    if (found !== undefined && !found.isDirectory()) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `the image is refused: its /${name} is not a folder`,
      );
    }
  }
}
