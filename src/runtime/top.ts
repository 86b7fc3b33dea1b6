import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cgroupFolder } from "./cgroup-paths.ts";
import type { CgroupVersion } from "./host-facts.ts";

/** A process of a container, with host pids. */
export interface ProcessRow {
  readonly pid: number;
  readonly parentPid: number;
  readonly uid: number;
  readonly state: string;
  /** Processor time used, in milliseconds. */
  readonly cpuMs: number;
  readonly residentBytes: number;
  readonly command: string;
}

/** The processes of a cgroup. Those that end while being read are left out. */
export async function listProcesses(
  version: CgroupVersion,
  cgroupsPath: string,
): Promise<ProcessRow[]> {
  const folder = cgroupFolder(version, "pids", cgroupsPath);
  const text = await readFile(join(folder, "cgroup.procs"), "utf8").catch(() => "");
  const pids = text.split("\n").filter((line) => line !== "" && line !== "0");
  const rows = await Promise.all(pids.map((pid) => readProcess(Number(pid))));
  return rows.filter((row) => row !== undefined);
}

async function readProcess(pid: number): Promise<ProcessRow | undefined> {
  try {
    const [stat, status, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/status`, "utf8"),
      readFile(`/proc/${pid}/cmdline`, "utf8"),
    ]);
    return parseProcess(pid, stat, status, commandLine);
  } catch {
    return undefined;
  }
}

/** One row from the texts of /proc/PID/stat, status and cmdline. */
export function parseProcess(
  pid: number,
  stat: string,
  status: string,
  commandLine: string,
): ProcessRow {
  const nameEnd = stat.lastIndexOf(")");
  const fields = stat.slice(nameEnd + 2).split(" ");
  const name = stat.slice(stat.indexOf("(") + 1, nameEnd);
  const command = commandLine.split("\0").join(" ").trim();
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  return {
    pid,
    parentPid: Number(fields[1] ?? 0),
    uid: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? 0),
    state: fields[0] ?? "?",
    cpuMs: ticks * 10,
    residentBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024,
    command: command === "" ? `[${name}]` : command,
  };
}
