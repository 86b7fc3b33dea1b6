import type { RestartPolicy } from "./container-config.ts";

const delayMinMs = 100;
const delayMaxMs = 60_000;
/** After a run of this length the next delay is short again. */
const goodRunMs = 10_000;

export interface EndedRun {
  readonly policy: RestartPolicy;
  readonly exitCode: number;
  /** A person stopped or killed it. */
  readonly stoppedByHand: boolean;
  /** Restarts by the policy since a person last started it. */
  readonly restartCount: number;
  readonly ranMs: number;
  /** The delay before this run; 0 for the first. */
  readonly lastDelayMs: number;
}

/** Pure: how long to wait before the container is started again; undefined = not at all (Docker's restart policies). */
export function nextRestartMs(run: EndedRun): number | undefined {
  if (run.stoppedByHand || !isWanted(run)) return undefined;
  if (run.lastDelayMs === 0 || run.ranMs >= goodRunMs) return delayMinMs;
  return Math.min(run.lastDelayMs * 2, delayMaxMs);
}

/** Pure: whether the daemon starts it when it finds it ended. Only "always" starts what a person had stopped. */
export function startsWithDaemon(
  run: Omit<EndedRun, "ranMs" | "lastDelayMs"> & { readonly hasRun: boolean },
): boolean {
  if (!run.hasRun || !isWanted(run)) return false;
  return run.policy.name === "always" || !run.stoppedByHand;
}

function isWanted({
  policy,
  exitCode,
  restartCount,
}: Pick<EndedRun, "policy" | "exitCode" | "restartCount">): boolean {
  switch (policy.name) {
    case "no":
      return false;
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return exitCode !== 0 && (policy.retriesMax === 0 || restartCount < policy.retriesMax);
  }
}
