import { Cron } from "croner";
import { errorMessage } from "../base/errors.ts";
import type { Service } from "../gen/skep/Service.ts";
import type { ServiceSpec } from "../gen/skep/ServiceSpec.ts";
import { type HasServiceSpec, isJob } from "./service-mode.ts";
import { timestampMs } from "./time.ts";
import { invalid } from "./validate/refuse.ts";

/** What happens when a run is due while the one before goes on: it is left out, waits, or takes the place of that. */
export type OverlapPolicy = "skip" | "queue" | "replace";

/** When a job runs again and again. */
export interface JobSchedule {
  /** Five fields (minute hour day month weekday), six with seconds first, or @hourly @daily @weekly @monthly @yearly. */
  readonly cron: string;
  /** IANA name. */
  readonly timezone: string;
  readonly overlap: OverlapPolicy;
}

/** The labels of a service that make it a scheduled job; as labels any Docker client can set them. */
export const scheduleLabels = {
  cron: "skep.schedule",
  timezone: "skep.schedule.timezone",
  overlap: "skep.schedule.overlap",
} as const;

const overlaps: readonly OverlapPolicy[] = ["skip", "queue", "replace"];

/** The schedule in a service's labels. */
export function scheduleOf({ spec }: HasServiceSpec): JobSchedule | undefined {
  const labels = spec?.annotations?.labels ?? {};
  const cron = labels[scheduleLabels.cron];
  if (cron === undefined || !isJob({ spec })) return undefined;
  const overlap = overlaps.find((word) => word === labels[scheduleLabels.overlap]) ?? "skip";
  return { cron, timezone: labels[scheduleLabels.timezone] ?? "UTC", overlap };
}

/** A job whose first run is still to come. */
export function awaitsFirstRun(service: Service): boolean {
  return scheduleOf(service) !== undefined && service.jobStatus?.lastExecution == null;
}

/** The first time after `afterMs` that the schedule names; undefined when it names none any more. */
export function nextRunMs({ cron, timezone }: JobSchedule, afterMs: number): number | undefined {
  return new Cron(cron, { timezone }).nextRun(new Date(afterMs))?.getTime();
}

/** Up to when the runs of a scheduled job have been seen to. */
export function scheduledUntilMs(service: Service): number {
  const { jobStatus, meta } = service;
  return timestampMs(
    jobStatus?.lastScheduled ?? jobStatus?.lastExecution ?? meta?.createdAt ?? null,
  );
}

/** INVALID_ARGUMENT for a schedule that cannot be read, or of a service that is no job. */
export function checkSchedule(spec: ServiceSpec): void {
  const labels = spec.annotations?.labels ?? {};
  const cron = labels[scheduleLabels.cron];
  const given = Object.values(scheduleLabels).find((label) => labels[label] !== undefined);
  if (given !== undefined && cron === undefined) {
    throw invalid(nameOf(given), `it means nothing without a ${nameOf(scheduleLabels.cron)}`);
  }
  if (cron === undefined) return;
  if (!isJob({ spec })) {
    throw invalid(
      nameOf(scheduleLabels.cron),
      "only a replicated-job or global-job can have a schedule",
    );
  }
  const overlap = labels[scheduleLabels.overlap] ?? "skip";
  if (!overlaps.some((word) => word === overlap)) {
    throw invalid(nameOf(scheduleLabels.overlap, overlap), `use one of ${overlaps.join(", ")}`);
  }
  const timezone = labels[scheduleLabels.timezone] ?? "UTC";
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
  } catch {
    throw invalid(nameOf(scheduleLabels.timezone, timezone), "give an IANA name, as Europe/Berlin");
  }
  let next: Date | null;
  try {
    next = new Cron(cron, { timezone }).nextRun();
  } catch (error) {
    throw invalid(
      nameOf(scheduleLabels.cron, cron),
      `write it as cron does, "30 3 * * *" for 3:30 each night (${errorMessage(error)})`,
    );
  }
  if (next === null) throw invalid(nameOf(scheduleLabels.cron, cron), "it never comes to pass");
}

// By the flag of our own command line and by what others set: 'schedule-timezone "x" (label skep.schedule.timezone)'.
function nameOf(label: string, value?: string): string {
  const flag = label.replace(/^skep\./, "").replaceAll(".", "-");
  return `${flag}${value === undefined ? "" : ` "${value}"`} (label ${label})`;
}
