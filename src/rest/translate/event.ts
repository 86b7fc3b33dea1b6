import type { WatchMessage } from "../../gen/skep/WatchMessage.ts";
import { toTimestamp } from "../../model/time.ts";
import type { LocalEvent } from "../backend.ts";
import type { EventJson } from "../wire/event.ts";

/** An event of this node. */
export function localEventJson(event: LocalEvent): EventJson {
  const { seconds, nanos } = toTimestamp(event.atMs);
  return {
    ...(event.type === "container" || event.type === "image"
      ? { status: event.action, id: event.id }
      : {}),
    ...(event.type === "container" ? { from: event.attributes["image"] ?? "" } : {}),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: { ...event.attributes } },
    scope: "local",
    time: seconds,
    timeNano: nanosOf(seconds, nanos),
  };
}

/** A committed change of the cluster. */
export function clusterEventJson(message: WatchMessage): EventJson {
  const seconds = message.time?.seconds ?? 0;
  return {
    Type: message.object,
    Action: message.action,
    Actor: { ID: message.id, Attributes: message.attributes },
    scope: "swarm",
    time: seconds,
    timeNano: nanosOf(seconds, message.time?.nanos ?? 0),
  };
}

// Over 2^53: the last digits are rounded, which clients only print.
function nanosOf(seconds: number, nanos: number): number {
  return Number(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
}
