import { invalid, parseChoice } from "../values.ts";

/** Flags for what Docker's API has no field for; they are labels of the service, so that any client can set them. */
export interface OwnFlags {
  readonly schedule?: string;
  readonly scheduleTimezone?: string;
  readonly scheduleOverlap?: string;
  readonly rebalance?: string;
}

/** Help of the flags above. */
export const ownFlags: readonly (readonly [flags: string, help: string])[] = [
  ["--schedule <cron>", 'run the job again and again: "30 3 * * *", @hourly'],
  ["--schedule-timezone <name>", "time zone of the schedule (default UTC)"],
  ["--schedule-overlap <word>", "when a run is due too early: skip (default), queue or replace"],
  ["--rebalance <word>", "auto: move tasks when nodes join; manual (default)"],
];

const names = {
  schedule: "skep.schedule",
  scheduleTimezone: "skep.schedule.timezone",
  scheduleOverlap: "skep.schedule.overlap",
  rebalance: "skep.rebalance",
} as const;

/** Pure: the labels with what the flags say; an empty value takes a label away. */
export function withOwnLabels(
  labels: Readonly<Record<string, string>>,
  flags: OwnFlags,
): Record<string, string> {
  const changed = { ...labels };
  const rebalance =
    flags.rebalance === undefined
      ? undefined
      : parseChoice("--rebalance", flags.rebalance, ["auto", "manual"]);
  const overlap =
    flags.scheduleOverlap === undefined
      ? undefined
      : parseChoice("--schedule-overlap", flags.scheduleOverlap, ["skip", "queue", "replace"]);
  const values = {
    schedule: flags.schedule,
    scheduleTimezone: flags.scheduleTimezone,
    scheduleOverlap: overlap,
    rebalance: rebalance === "manual" ? "" : rebalance,
  };
  for (const [key, value] of Object.entries(values)) {
    const name = names[key as keyof typeof names];
    if (value === "") delete changed[name];
    else if (value !== undefined) changed[name] = value;
  }
  return changed;
}

/** INVALID_ARGUMENT for an empty value: it takes away what a service has, and a new one has nothing yet. */
export function checkNewSchedule({ schedule, scheduleTimezone }: OwnFlags): void {
  if (schedule === "") {
    throw invalid("--schedule", schedule, 'as cron writes it, such as "30 3 * * *"');
  }
  if (scheduleTimezone === "") {
    throw invalid("--schedule-timezone", scheduleTimezone, "an IANA name such as Europe/Berlin");
  }
}

/** Whether the service runs by a schedule: then there is nothing to wait for. */
export function isScheduled(labels: Readonly<Record<string, string>>): boolean {
  return labels[names.schedule] !== undefined;
}
