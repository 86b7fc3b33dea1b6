import { type Clock, sleep } from "../../base/clock.ts";
import type { HealthConfig } from "../../gen/skep/HealthConfig.ts";
import { durationMs } from "../../model/time.ts";

/** A health check with every default filled in (Docker API, HealthConfig). */
export interface HealthCheck {
  /** What to run in the container. */
  readonly args: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

/** A health check as an image carries it; 0 = the default. */
export interface ImageHealthcheck {
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

/** Pure: the check a container gets: each field from the service, else the image, else Docker's default. Undefined: none. */
export function planHealthCheck(
  asked: HealthConfig | null,
  image: ImageHealthcheck | undefined,
): HealthCheck | undefined {
  const test = asked !== null && asked.test.length > 0 ? asked.test : (image?.test ?? []);
  const [kind, ...rest] = test;
  if (kind === undefined || kind === "NONE" || rest.length === 0) return undefined;
  return {
    args: kind === "CMD-SHELL" ? ["/bin/sh", "-c", rest.join(" ")] : rest,
    intervalMs: durationMs(asked?.interval ?? null, 0) || image?.intervalMs || 30_000,
    timeoutMs: durationMs(asked?.timeout ?? null, 0) || image?.timeoutMs || 30_000,
    retries: asked?.retries || image?.retries || 3,
    startPeriodMs: durationMs(asked?.startPeriod ?? null, 0) || image?.startPeriodMs || 0,
    startIntervalMs: durationMs(asked?.startInterval ?? null, 0) || image?.startIntervalMs || 5_000,
  };
}

export type HealthStatus = "starting" | "healthy" | "unhealthy";

export interface HealthState {
  readonly status: HealthStatus;
  readonly failingStreak: number;
}

export const initialHealth: HealthState = { status: "starting", failingStreak: 0 };

/**
 * Pure: the state after one probe. starting -> healthy at the first success; any -> unhealthy after `retries` failures in a
 * row, of which those inside the start period do not count as long as the container was never healthy.
 */
export function nextHealth(
  state: HealthState,
  probe: { readonly ok: boolean; readonly sinceStartMs: number },
  check: Pick<HealthCheck, "retries" | "startPeriodMs">,
): HealthState {
  if (probe.ok) return { status: "healthy", failingStreak: 0 };
  if (state.status === "starting" && probe.sinceStartMs < check.startPeriodMs) return state;
  const failingStreak = state.failingStreak + 1;
  return {
    status: failingStreak >= check.retries ? "unhealthy" : state.status,
    failingStreak,
  };
}

/** Pure: how long to wait before the next probe. */
export function nextProbeDelayMs(
  state: HealthState,
  sinceStartMs: number,
  check: HealthCheck,
): number {
  return state.status === "starting" && sinceStartMs < check.startPeriodMs
    ? check.startIntervalMs
    : check.intervalMs;
}

export interface HealthMonitorOptions {
  readonly check: HealthCheck;
  readonly clock: Clock;
  /** Runs the probe in the container; the exit code. */
  readonly probe: (args: readonly string[], timeoutMs: number) => Promise<number>;
  readonly onChange: (state: HealthState) => void;
  readonly signal: AbortSignal;
}

/** Probes until aborted; tells each change. */
export async function monitorHealth(options: HealthMonitorOptions): Promise<void> {
  const { check, clock, signal } = options;
  const startedAt = clock.monotonic();
  let state = initialHealth;
  while (!signal.aborted) {
    const delayMs = nextProbeDelayMs(state, clock.monotonic() - startedAt, check);
    try {
      await sleep(clock, delayMs, signal);
    } catch {
      return;
    }
    const ok = await probeOnce(options);
    if (signal.aborted) return;
    const next = nextHealth(state, { ok, sinceStartMs: clock.monotonic() - startedAt }, check);
    if (next.status !== state.status) options.onChange(next);
    state = next;
  }
}

async function probeOnce({ check, probe }: HealthMonitorOptions): Promise<boolean> {
  try {
    return (await probe(check.args, check.timeoutMs)) === 0;
  } catch {
    return false; // a probe that cannot be run has failed; the streak decides
  }
}
