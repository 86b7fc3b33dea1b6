import { readFile } from "node:fs/promises";

/** A process named safely: a pid alone may be given to another process later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since the host's start, as text. */
  readonly startTicks: string;
}

/** Start ticks and state letter of a /proc/PID/stat text; undefined when it is not one. */
export function parseProcStat(text: string): { startTicks: string; state: string } | undefined {
  // The command name, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? undefined : { startTicks, state };
}

/** The identity of a live process; undefined when there is none or it is a zombie. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (pid <= 0) return undefined;
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const stat = parseProcStat(text);
  if (stat === undefined || stat.state === "Z" || stat.state === "X") return undefined;
  return { pid, startTicks: stat.startTicks };
}

/** Whether exactly that process still lives. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(identity.pid);
  return now !== undefined && now.startTicks === identity.startTicks;
}
