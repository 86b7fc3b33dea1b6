import { BoundedQueue } from "../../base/bounded-queue.ts";
import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { Node } from "../../gen/skep/Node.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { WatchMessage } from "../../gen/skep/WatchMessage.ts";
import { timestampMs, toTimestamp } from "../../model/time.ts";
import type { StoreEvent } from "../../store/objects.ts";
import type { Store } from "../../store/store.ts";
import { isLeaving } from "./resolve.ts";

const messagesMax = 10_000;

/**
 * What `past` has, then what changes from now on, until `signal` is aborted; nothing is left out between the two. Any manager can tell, since all see the same changes. RESOURCE_EXHAUSTED when
 * the reader falls 10,000 changes behind.
 */
export async function* watchStore(
  store: Pick<Store, "subscribe">,
  clock: Pick<Clock, "now">,
  signal: AbortSignal,
  past: () => readonly WatchMessage[] = () => [],
): AsyncGenerator<WatchMessage, void, void> {
  const queue = new BoundedQueue<WatchMessage>({ itemsMax: messagesMax, onFull: "refuse" });
  const unsubscribe = store.subscribe((events) => {
    for (const event of events) {
      const message = describeEvent(event, clock.now());
      if (message !== undefined && !queue.push(message)) queue.close();
    }
  });
  const onAbort = (): void => queue.close();
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) queue.close();
  const before = past();
  try {
    yield* before;
    yield* queue;
    if (!signal.aborted) {
      throw new ClusterError(
        "RESOURCE_EXHAUSTED",
        "events come faster than they are read; watch again",
      );
    }
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", onAbort);
  }
}

/** How `docker events` shows the change; undefined for what it does not show. */
export function describeEvent(event: StoreEvent, nowMs: number): WatchMessage | undefined {
  if (event.table === "task" || event.table === "cluster") return undefined;
  const before = event.previous;
  const wasLeaving = before !== undefined && isLeaving(before);
  if (wasLeaving) return undefined; // its removal was told when it was asked for
  const isLeavingNow = event.kind === "update" && isLeaving(event.object);
  return {
    action: isLeavingNow ? "remove" : event.kind,
    object: event.table,
    id: event.object.id,
    attributes: attributesOf(event, isLeavingNow),
    time: toTimestamp(timeOf(event) || nowMs),
  };
}

// The time of the write is the same on every manager, however late it hears of it; a removal leaves none behind.
function timeOf(event: StoreEvent): number {
  return event.kind === "remove" ? 0 : timestampMs(event.object.meta?.updatedAt);
}

function attributesOf(event: StoreEvent, isLeavingNow: boolean): Record<string, string> {
  if (event.table === "node") {
    const name = event.object.description?.hostname ?? "";
    return { name, ...changesOf(event.previous, event.object, event.kind, nodeFacts) };
  }
  if (event.table === "task" || event.table === "cluster") return {};
  // An object on its way out has given its name away.
  const named = isLeavingNow && event.previous !== undefined ? event.previous : event.object;
  const attributes = { name: named.spec?.annotations?.name ?? "" };
  if (event.table !== "service" || isLeavingNow) return attributes;
  return { ...attributes, ...changesOf(event.previous, event.object, event.kind, serviceFacts) };
}

function changesOf<T>(
  before: T | undefined,
  after: T,
  kind: StoreEvent["kind"],
  facts: (object: T) => Readonly<Record<string, string>>,
): Record<string, string> {
  if (kind !== "update" || before === undefined) return {};
  const [old, now] = [facts(before), facts(after)];
  const changes: Record<string, string> = {};
  for (const [key, value] of Object.entries(now)) {
    if (old[key] === value) continue;
    changes[`${key}.old`] = old[key] ?? "";
    changes[`${key}.new`] = value;
  }
  return changes;
}

function nodeFacts(node: Node): Record<string, string> {
  const state = node.status?.state === "READY_NODE" ? "ready" : (node.status?.state ?? "UNKNOWN");
  return {
    state: state.toLowerCase(),
    availability: (node.spec?.availability ?? "ACTIVE").toLowerCase(),
    role: (node.spec?.desiredRole ?? "WORKER").toLowerCase(),
    leader: String(node.managerStatus?.leader ?? false),
    reachability: (node.managerStatus?.reachability ?? "").toLowerCase(),
  };
}

const updateStates = {
  UPDATE_NONE: "",
  UPDATING: "updating",
  UPDATE_PAUSED: "paused",
  UPDATE_COMPLETED: "completed",
  ROLLBACK_STARTED: "rollback_started",
  ROLLBACK_PAUSED: "rollback_paused",
  ROLLBACK_COMPLETED: "rollback_completed",
} as const;

function serviceFacts(service: Service): Record<string, string> {
  return {
    image: service.spec?.task?.container?.image ?? "",
    replicas: String(service.spec?.replicated?.replicas ?? ""),
    updatestate: updateStates[service.updateStatus?.state ?? "UPDATE_NONE"],
  };
}
