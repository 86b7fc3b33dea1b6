import { readdirSync, readFileSync, statSync } from "node:fs";

/** Processes in the network namespace of this name: a host's daemon and helpers, but no container, as those have their own. */
export function processesOf(namespace: string): number[] {
  const { ino } = statSync(`/run/netns/${namespace}`);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isIn(name, ino))
    .map(Number);
}

/** Resident memory of these processes in MB (10^6 bytes); a process that has ended counts nothing. */
export function residentMegabytes(pids: readonly number[]): number {
  return (pids.reduce((sum, pid) => sum + residentKilobytes(pid), 0) * 1024) / 1e6;
}

function isIn(pid: string, namespaceInode: number): boolean {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino === namespaceInode;
  } catch {
    return false; // it has ended
  }
}

function residentKilobytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
