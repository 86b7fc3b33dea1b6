import { readFile } from "node:fs/promises";
import { mount, mountFlags } from "../base/linux.ts";

/** One tmpfs for the secrets of all containers, so that none reaches a disk. */
export async function mountSecrets(folder: string): Promise<void> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  if (mounts.split("\n").some((line) => line.split(" ")[4] === folder)) return;
  const flags = mountFlags.noSuid | mountFlags.noDev | mountFlags.noExec;
  try {
    mount("tmpfs", folder, "tmpfs", flags, "mode=0700,noswap"); // Linux 6.4 and later
  } catch {
    mount("tmpfs", folder, "tmpfs", flags, "mode=0700");
  }
}
