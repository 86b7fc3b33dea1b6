import { readFile } from "node:fs/promises";

/** One line of /proc/self/mountinfo: what is mounted where, in the order of mounting. */
export interface MountEntry {
  readonly mountPoint: string;
  readonly fileSystem: string;
  readonly source: string;
  /** "shared:1", "master:2" …: how mounts below it spread. */
  readonly propagation: readonly string[];
}

/** The mounts that this process sees. */
export async function readMountTable(): Promise<MountEntry[]> {
  return parseMountTable(await readFile("/proc/self/mountinfo", "utf8"));
}

/** Pure: proc_pid_mountinfo(5). */
export function parseMountTable(text: string): MountEntry[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const words = line.split(" ");
      const end = words.indexOf("-", 6);
      return {
        mountPoint: plainPath(words[4] ?? ""),
        propagation: words.slice(6, end),
        fileSystem: words[end + 1] ?? "",
        source: plainPath(words[end + 2] ?? ""),
      };
    });
}

/** The mount that holds `path`, an absolute one without symbolic links: the longest, and of those the last. */
export function mountOf(table: readonly MountEntry[], path: string): MountEntry | undefined {
  let found: MountEntry | undefined;
  for (const entry of table) {
    const { mountPoint } = entry;
    const below = mountPoint === "/" ? "/" : `${mountPoint}/`;
    if (path !== mountPoint && !path.startsWith(below)) continue;
    if (mountPoint.length >= (found?.mountPoint.length ?? 0)) found = entry;
  }
  return found;
}

// Blanks, tabs, line ends and backslashes are written as \040 and the like.
function plainPath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
