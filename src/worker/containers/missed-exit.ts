import type { ContainerInfo, ExitStatus } from "../../runtime/container-spec.ts";
import type { RunState } from "./hand-made-record.ts";

/** Pure: how a run ended that no daemon watched: as the runtime says, unless what it knows is of an earlier run. */
export function missedExit(
  { startedAtMs, exit }: Pick<ContainerInfo, "startedAtMs" | "exit">,
  run: Pick<RunState, "startedAtMs">,
  nowMs: number,
): ExitStatus {
  if (exit !== undefined && startedAtMs >= run.startedAtMs) return exit;
  return { exitCode: 137, oomKilled: false, finishedAtMs: nowMs };
}
