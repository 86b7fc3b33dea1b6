import type { Clock } from "../base/clock.ts";
import type { Meter } from "../base/meter.ts";
import { timestampMs } from "../model/time.ts";
import type { StoreEvent } from "../store/objects.ts";
import type { Store } from "../store/store.ts";

/** Gives the meter, on the leader, the seconds from each task's creation to its running; the returned function ends that. */
export function meterTasks(deps: {
  readonly store: Store;
  readonly isLeader: () => boolean;
  readonly clock: Clock;
  readonly meter: Meter;
}): () => void {
  const { store, isLeader, clock, meter } = deps;
  return store.subscribe((events) => {
    if (!isLeader()) return;
    for (const event of events) {
      const createdMs = newlyRunning(event);
      if (createdMs === undefined) continue;
      meter.observe(
        "swarm_dispatcher_scheduling_delay_seconds",
        Math.max(0, clock.now() - createdMs) / 1000,
      );
    }
  });
}

// When the task was made, if the event is its first sight as running.
function newlyRunning(event: StoreEvent): number | undefined {
  if (event.table !== "task" || event.kind !== "update") return undefined;
  const { object, previous } = event;
  if (object.status?.state !== "RUNNING" || previous?.status?.state === "RUNNING") return undefined;
  return object.meta?.createdAt ? timestampMs(object.meta.createdAt) : undefined;
}
