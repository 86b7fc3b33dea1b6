import { mkdir, realpath, stat } from "node:fs/promises";
import { ClusterError, errnoCode } from "../../base/errors.ts";
import { mountOf, readMountTable } from "../../base/mount-table.ts";
import type { PlannedBind } from "./plan-mounts.ts";

/**
 * Looks whether the host has what a bind mount names, and makes a folder where that was asked for. INVALID_ARGUMENT when it is not
 * there, or when its mount does not spread as the mount's propagation needs.
 */
export async function checkBindSource({ source, options, makeSource }: PlannedBind): Promise<void> {
  if (!(await exists(source))) {
    if (!makeSource) {
      throw new ClusterError(
        "INVALID_ARGUMENT",
        `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      );
    }
    await mkdir(source, { recursive: true, mode: 0o755 });
  }
  const spread = options.find((option) => /^r?(shared|slave)$/.test(option));
  if (spread === undefined) return;
  const holder = mountOf(await readMountTable(), await realpath(source));
  const kinds = spread.endsWith("shared") ? ["shared"] : ["shared", "master"];
  if (holder?.propagation.some((text) => kinds.includes(text.split(":")[0] ?? "")) === true) return;
  const wanted = spread.endsWith("shared") ? "a shared" : "a shared or slave";
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `path ${source} is mounted on ${holder?.mountPoint ?? "/"} but it is not ${wanted} mount`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoCode(error) === "ENOENT" || errnoCode(error) === "ENOTDIR") return false;
    throw error;
  }
}
