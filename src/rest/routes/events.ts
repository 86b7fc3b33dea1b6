import { sleep } from "../../base/clock.ts";
import { errorMessage } from "../../base/errors.ts";
import { timestampMs } from "../../model/time.ts";
import { type Filters, filterList, matchesLabels, parseFilters } from "../http/filters.ts";
import { queryTimeMs } from "../http/query.ts";
import { type Reply, stream } from "../http/reply.ts";
import type { RestContext, RestRequest, Route } from "../http/request.ts";
import { mergeIterables } from "../streams.ts";
import { clusterEventJson, localEventJson } from "../translate/event.ts";
import type { EventJson } from "../wire/event.ts";

/** /events */
export const eventRoutes: readonly Route[] = [
  { method: "GET", pattern: "/events", handler: events },
];

const objectFilters = [
  "container",
  "image",
  "volume",
  "network",
  "daemon",
  "plugin",
  "service",
  "node",
  "secret",
  "config",
] as const;
const acceptedFilters = [...objectFilters, "type", "event", "label", "scope"];

async function events(request: RestRequest, context: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, acceptedFilters);
  const sinceMs = queryTimeMs(request.query, "since");
  const untilMs = queryTimeMs(request.query, "until");
  const ending = new AbortController();
  if (untilMs !== undefined) {
    // Also when it is past: what was kept since `since` must have the time to come out.
    const leftMs = Math.max(100, untilMs - context.clock.now());
    const timer = context.clock.setTimer(leftMs, () => ending.abort());
    request.signal.addEventListener("abort", () => timer.cancel(), { once: true });
  }
  const signal = AbortSignal.any([request.signal, ending.signal]);
  return stream("application/json", eventLines(context, filters, sinceMs, untilMs, signal));
}

async function* eventLines(
  context: RestContext,
  filters: Filters,
  sinceMs: number | undefined,
  untilMs: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const sources = [localEvents(context, sinceMs, signal)];
  if (context.backend.node.swarmState().manager) {
    sources.push(clusterEvents(context, sinceMs, signal));
  }
  // The past comes from two sources: it is told in order of time when nothing new can follow.
  const isPast = untilMs !== undefined && untilMs <= context.clock.now();
  const past: EventJson[] = [];
  try {
    for await (const event of mergeIterables(sources)) {
      if (signal.aborted) break;
      if (untilMs !== undefined && event.timeNano / 1e6 > untilMs) continue;
      if (!matchesEvent(event, filters)) continue;
      if (isPast) past.push(event);
      else yield `${JSON.stringify(event)}\n`;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  past.sort((a, b) => a.timeNano - b.timeNano);
  for (const event of past) yield `${JSON.stringify(event)}\n`;
}

async function* localEvents(
  { backend }: RestContext,
  sinceMs: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<EventJson, void, void> {
  for await (const event of backend.node.events(sinceMs, signal)) yield localEventJson(event);
}

// A watch breaks when this manager stops or the reader is too slow: it is taken up again after the last event told.
async function* clusterEvents(
  { backend, clock, log }: RestContext,
  sinceMs: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<EventJson, void, void> {
  let fromMs = sinceMs;
  while (!signal.aborted) {
    try {
      for await (const message of backend.cluster.watch(signal, fromMs)) {
        fromMs = timestampMs(message.time) + 1;
        yield clusterEventJson(message);
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      log.debug({ err: errorMessage(error) }, "cluster watch broke");
    }
    await sleep(clock, 1000, signal);
  }
}

/** Whether an event passes `filters` (Docker API v1.50, /events). */
export function matchesEvent(event: EventJson, filters: Filters): boolean {
  const { ID: id, Attributes: attributes } = event.Actor;
  const oneOf = (name: string, matches: (value: string) => boolean) => {
    const values = filterList(filters, name);
    return values.length === 0 || values.some(matches);
  };
  if (!oneOf("type", (type) => type === event.Type)) return false;
  if (!oneOf("scope", (scope) => scope === event.scope)) return false;
  const isAction = (action: string) =>
    action === event.Action || event.Action.startsWith(`${action}:`);
  if (!oneOf("event", isAction)) return false;
  if (!matchesLabels(attributes, filterList(filters, "label"))) return false;
  const asked = objectFilters.filter((name) => filters.has(name));
  if (asked.length === 0) return true;
  // Several kinds are alternatives to each other: "service=a, node=b" shows both.
  return asked.some((name) =>
    filterList(filters, name).some((value) => isAbout(event, name, value, id, attributes)),
  );
}

function isAbout(
  event: EventJson,
  kind: string,
  value: string,
  id: string,
  attributes: Readonly<Record<string, string>>,
): boolean {
  if (event.Type === "container" && kind === "image") return attributes["image"] === value;
  if (event.Type !== kind) return false;
  return (
    id === value || attributes["name"] === value || (value.length >= 4 && id.startsWith(value))
  );
}
