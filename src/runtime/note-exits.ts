import { vanished, wasOomKilled } from "./adopt.ts";
import type { Container } from "./container.ts";
import { writeRecord } from "./container-record.ts";
import type { ExitStatus } from "./container-spec.ts";
import type { ExitFile } from "./exit-watcher.ts";
import type { CgroupVersion } from "./host-facts.ts";
import { isAlive } from "./process-info.ts";
import { cgroupReader, readStats } from "./stats.ts";

export interface NoteExitsDeps {
  readonly containers: ReadonlyMap<string, Container>;
  readonly cgroupVersion: CgroupVersion;
  readonly cgroupOf: (id: string) => string;
  readonly now: () => number;
}

/**
 * Notes the ends that conmon has written down. `complete`: these are all there are, so a container that is in none of them and
 * has neither its first process nor its conmon any more has vanished.
 */
export async function noteExits(
  exits: readonly ExitFile[],
  complete: boolean,
  deps: NoteExitsDeps,
): Promise<void> {
  for (const exit of exits) {
    const container = deps.containers.get(exit.id);
    if (container === undefined || container.record.exit !== undefined) continue;
    const { exitCode, finishedAtMs } = exit;
    const oomKilled = await isOomKilled(container, deps);
    await end(container, { exitCode, finishedAtMs, oomKilled });
  }
  if (!complete) return;
  const seen = new Set(exits.map((exit) => exit.id));
  for (const container of deps.containers.values()) {
    const { process: first, conmon, exit } = container.record;
    if (exit !== undefined || seen.has(container.spec.id)) continue;
    if (conmon !== undefined && (await isAlive(conmon))) continue;
    if (await isAlive(first)) continue;
    await end(container, vanished(deps.now()));
  }
}

async function end(container: Container, exit: ExitStatus): Promise<void> {
  if (!container.end(exit) || container.removing) return;
  await writeRecord(container.folders, container.record);
}

async function isOomKilled(
  container: Container,
  { cgroupVersion, cgroupOf }: NoteExitsDeps,
): Promise<boolean> {
  if (await wasOomKilled(container.folders)) return true;
  const read = cgroupReader(cgroupVersion, cgroupOf(container.spec.id));
  const stats = await readStats(cgroupVersion, read, 0, 0);
  return stats.oomKills > 0;
}
