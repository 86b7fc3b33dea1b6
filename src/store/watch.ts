import { BoundedQueue } from "../base/bounded-queue.ts";
import { ClusterError } from "../base/errors.ts";
import { type StoreEvent, type TableName, tableNames } from "./objects.ts";
import type { Store } from "./store.ts";

const queuedMax = 10_000;

export interface WatchOptions {
  /** Only these tables; all when absent. */
  readonly tables?: readonly TableName[];
  /** Begin with every object there is, as created. */
  readonly withCurrent?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Every change from the call on, in order, until the signal ends it. RESOURCE_EXHAUSTED when the reader falls 10,000 changes behind:
 * it has missed some and must begin again.
 */
export function watchStore(
  store: Store,
  options: WatchOptions,
): AsyncGenerator<StoreEvent, void, void> {
  const queue = new BoundedQueue<StoreEvent>({ itemsMax: queuedMax, onFull: "refuse" });
  const isWanted = (table: TableName) => options.tables?.includes(table) ?? true;
  const current = options.withCurrent ? currentObjects(store, isWanted) : [];
  const unsubscribe = store.subscribe((events) => {
    for (const event of events) {
      if (isWanted(event.table) && !queue.push(event)) queue.close();
    }
  });
  const end = () => {
    unsubscribe();
    queue.close();
  };
  options.signal.addEventListener("abort", end, { once: true });
  if (options.signal.aborted) end();
  return read(current, queue, options.signal, () => {
    end();
    options.signal.removeEventListener("abort", end);
  });
}

async function* read(
  current: readonly StoreEvent[],
  queue: BoundedQueue<StoreEvent>,
  signal: AbortSignal,
  end: () => void,
): AsyncGenerator<StoreEvent, void, void> {
  try {
    yield* current;
    yield* queue;
    if (!signal.aborted) {
      throw new ClusterError(
        "RESOURCE_EXHAUSTED",
        `the watcher fell ${queuedMax} changes behind: read the objects again and watch anew`,
      );
    }
  } finally {
    end();
  }
}

function currentObjects(store: Store, isWanted: (table: TableName) => boolean): StoreEvent[] {
  const view = store.view();
  const events: StoreEvent[] = [];
  for (const table of tableNames.filter(isWanted)) {
    for (const object of view.all(table)) {
      events.push({ kind: "create", table, object } as StoreEvent);
    }
  }
  return events;
}
