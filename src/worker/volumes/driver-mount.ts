import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { must } from "../../base/assert.ts";
import type { Clock } from "../../base/clock.ts";
import { tryCommand } from "../../base/command.ts";
import { withDeadline } from "../../base/deadline.ts";
import { ClusterError } from "../../base/errors.ts";
import { unmount } from "../../base/linux.ts";
import { readMountTable } from "../../base/mount-table.ts";
import type { Volume } from "./volume.ts";

const lookupTimeoutMs = 10_000;
/** A server of files that does not answer keeps its mount waiting. */
const mountTimeoutMs = 60_000;
const stackedMax = 16;

/** Whether something is mounted at this path. */
export async function isMountPoint(path: string): Promise<boolean> {
  return (await readMountTable()).some(({ mountPoint }) => mountPoint === path);
}

/** Mounts what the volume's options say. INTERNAL with the reason of mount(8). */
export async function mountVolume(volume: Volume, clock: Clock): Promise<void> {
  const { type = "", device = "" } = volume.options;
  const flags = await withServerAddress(type, volume.options["o"] ?? "", (host) =>
    withDeadline(clock, lookupTimeoutMs, `looking up ${host}`, addressOf(host)),
  );
  // As a process of its own: mount(2) of a network file system may wait for minutes.
  const { exitCode, stderr } = await tryCommand("mount", mountArgs(volume, flags), {
    timeoutMs: mountTimeoutMs,
  });
  if (exitCode === 0) return;
  const reason = stderr.trim().split("\n")[0] || `exit code ${exitCode}`;
  throw new ClusterError(
    "INTERNAL",
    `error while mounting volume '${volume.mountpoint}': failed to mount local volume: mount ${device}:${volume.mountpoint}, type: ${type}, data: ${flags}: ${reason}`,
  );
}

/** Arguments of mount(8): the plain system call, without helper programs, as Docker's local driver makes it. */
export function mountArgs({ options, mountpoint }: Volume, flags: string): string[] {
  const { type = "", device = "" } = options;
  return [
    ...["-n", "-i"],
    ...(type === "" ? [] : ["-t", type]),
    ...(flags === "" ? [] : ["-o", flags]),
    ...["--", device, mountpoint],
  ];
}

/** NFS and CIFS want `addr` as an address: names are looked up when the volume is mounted. */
export async function withServerAddress(
  type: string,
  flags: string,
  find: (host: string) => Promise<string>,
): Promise<string> {
  if (!/^(nfs4?|cifs)$/.test(type)) return flags;
  const host = /(?:^|,)addr=([^,]+)/.exec(flags)?.[1];
  if (host === undefined || isIP(host) !== 0) return flags;
  const address = await find(host);
  return flags.replace(/(^|,)addr=[^,]+/, (_, before: string) => `${before}addr=${address}`);
}

/** Takes away everything that is mounted at this path. FAILED_PRECONDITION when something stays. */
export async function unmountAll(path: string): Promise<void> {
  for (let round = 0; round < stackedMax; round += 1) {
    if (!(await isMountPoint(path))) return;
    unmount(path);
  }
  throw new ClusterError("FAILED_PRECONDITION", `${path} cannot be unmounted: do it by hand`);
}

async function addressOf(host: string): Promise<string> {
  try {
    return must((await lookup(host)).address, "address");
  } catch (cause) {
    throw new ClusterError("UNAVAILABLE", `cannot find the address of ${host}`, { cause });
  }
}
