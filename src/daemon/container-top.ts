import { tryCommand } from "../base/command.ts";
import { ClusterError } from "../base/errors.ts";
import type { ProcessRow } from "../runtime/top.ts";

/** What `docker top` shows: titles and rows. */
export interface TopTable {
  readonly titles: readonly string[];
  readonly processes: readonly string[][];
}

/**
 * The processes of a container as ps(1) of the host shows them with these arguments; without a ps what is known of them.
 * INVALID_ARGUMENT with ps's own words.
 */
export async function topTable(rows: readonly ProcessRow[], psArgs: string): Promise<TopTable> {
  const args = psArgs.split(/\s+/).filter((word) => word !== "");
  const shown = await tryCommand("ps", args).catch(() => undefined);
  if (shown === undefined) return ownTable(rows);
  if (shown.exitCode !== 0) {
    throw new ClusterError("INVALID_ARGUMENT", `ps: ${shown.stderr.trim() || psArgs}`);
  }
  return parsePs(shown.stdout, new Set(rows.map(({ pid }) => pid)));
}

/** Pure: the lines of ps that are about these processes. INVALID_ARGUMENT when they do not show the PID. */
export function parsePs(text: string, pids: ReadonlySet<number>): TopTable {
  const [header = "", ...lines] = text.split("\n");
  const titles = header.trim().split(/\s+/);
  const at = titles.indexOf("PID");
  if (at < 0) throw new ClusterError("INVALID_ARGUMENT", "Couldn't find PID field in ps output");
  const processes = lines
    .map((line) => splitRow(line, titles.length))
    .filter((fields) => pids.has(Number(fields[at])));
  return { titles, processes };
}

// The last field, the command, may hold spaces.
function splitRow(line: string, count: number): string[] {
  const fields = line.trim().split(/\s+/);
  return fields.length <= count
    ? fields
    : [...fields.slice(0, count - 1), fields.slice(count - 1).join(" ")];
}

function ownTable(rows: readonly ProcessRow[]): TopTable {
  return {
    titles: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
    processes: rows.map((row) => [
      String(row.uid),
      String(row.pid),
      String(row.parentPid),
      "0",
      "",
      "?",
      formatCpuTime(row.cpuMs),
      row.command,
    ]),
  };
}

function formatCpuTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
