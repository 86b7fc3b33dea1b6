import type { ContainerSpecJson, HealthcheckJson } from "../../rest/wire/service.ts";
import { invalid, parseCount, parseDuration } from "../values.ts";
import type { ServiceFlags } from "./flags.ts";
import { splitWords } from "./items.ts";

/** Sets what the flags common to create and update say of the container. */
export function applyContainerFlags(container: ContainerSpecJson, flags: ServiceFlags): void {
  if (flags.entrypoint !== undefined)
    container.Command = splitWords(flags.entrypoint, "--entrypoint");
  if (flags.hostname !== undefined) container.Hostname = flags.hostname;
  if (flags.user !== undefined) container.User = flags.user;
  if (flags.workdir !== undefined) container.Dir = flags.workdir;
  if (flags.tty !== undefined) container.TTY = flags.tty;
  if (flags.init !== undefined) container.Init = flags.init;
  if (flags.readOnly !== undefined) container.ReadOnly = flags.readOnly;
  if (flags.stopSignal !== undefined) container.StopSignal = flags.stopSignal;
  if (flags.stopGracePeriod !== undefined) {
    container.StopGracePeriod = parseDuration("--stop-grace-period", flags.stopGracePeriod);
  }
  if (flags.oomScoreAdj !== undefined) {
    const value = Number(flags.oomScoreAdj);
    if (!/^-?\d+$/.test(flags.oomScoreAdj) || Math.abs(value) > 1000) {
      throw invalid("--oom-score-adj", flags.oomScoreAdj, "a whole number from -1000 to 1000");
    }
    container.OomScoreAdj = value;
  }
  applyCapabilities(container, flags);
  const health = healthOf(flags, container.Healthcheck);
  if (health !== undefined) container.Healthcheck = health;
}

// What is added is no longer dropped, and the other way round.
function applyCapabilities(container: ContainerSpecJson, flags: ServiceFlags): void {
  if (flags.capAdd === undefined && flags.capDrop === undefined) return;
  const added = (flags.capAdd ?? []).map(capabilityName);
  const dropped = (flags.capDrop ?? []).map(capabilityName).filter((name) => !added.includes(name));
  const merged = (before: readonly string[] | undefined, more: string[], less: string[]) => [
    ...new Set([...(before ?? []).filter((name) => !less.includes(name)), ...more]),
  ];
  container.CapabilityAdd = merged(container.CapabilityAdd, added, dropped);
  container.CapabilityDrop = merged(container.CapabilityDrop, dropped, added);
}

function capabilityName(text: string): string {
  const name = text.toUpperCase();
  return name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`;
}

function healthOf(
  flags: ServiceFlags,
  before: HealthcheckJson | undefined,
): HealthcheckJson | undefined {
  const durations = [
    ["Interval", "--health-interval", flags.healthInterval],
    ["Timeout", "--health-timeout", flags.healthTimeout],
    ["StartPeriod", "--health-start-period", flags.healthStartPeriod],
    ["StartInterval", "--health-start-interval", flags.healthStartInterval],
  ] as const;
  const given =
    flags.healthCmd !== undefined ||
    flags.healthRetries !== undefined ||
    durations.some(([, , text]) => text !== undefined);
  if (flags.healthcheck === false) {
    if (given) {
      throw invalid("--no-healthcheck", "true", "left out when other --health-* flags are given");
    }
    return { Test: ["NONE"] };
  }
  if (!given) return undefined;
  const health: HealthcheckJson = before?.Test?.[0] === "NONE" ? {} : { ...before };
  if (flags.healthCmd !== undefined) health.Test = ["CMD-SHELL", flags.healthCmd];
  if (flags.healthRetries !== undefined) {
    health.Retries = parseCount("--health-retries", flags.healthRetries);
  }
  for (const [field, flag, text] of durations) {
    if (text !== undefined) health[field] = parseDuration(flag, text);
  }
  return health;
}
