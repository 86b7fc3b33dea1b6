import { setImmediate } from "node:timers/promises";
import type { Meta } from "../gen/skep/Meta.ts";
import type { Timestamp } from "../gen/skep/Timestamp.ts";
import { toTimestamp } from "../model/time.ts";
import { checkChanges } from "./check-changes.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { LiveView } from "./live-view.ts";
import { type ObjectOf, type StoreEvent, type TableName, tableNames } from "./objects.ts";
import { shareParts } from "./share-parts.ts";
import { shareWithOthers } from "./share-with-others.ts";
import { SharingCodec } from "./sharing-codec.ts";
import { readSnapshot, writeSnapshot } from "./snapshot.ts";
import { decodeEntry, type StoreChange } from "./store-entry.ts";
import { createTables, type Tables, tableOf } from "./tables/tables.ts";

/** Told after each change of the state. */
export interface StateListener {
  onEvents(events: readonly StoreEvent[], index: number): void;
  /** The whole state was replaced; `onEvents` follows with every object as created, in several calls. */
  onReset(): void;
}

/** How many objects of a snapshot are told of at a stretch: listeners take some microseconds each. */
const toldObjects = 500;

interface Stamp {
  readonly version: { readonly index: number };
  readonly now: Timestamp;
}

/**
 * The replicated state. Equal entries lead to equal states on every manager: nothing here reads a clock or a random number.
 * Fits raft's `StateMachine` by shape.
 */
export class StoreStateMachine {
  readonly #listener: StateListener;
  /** Also for those who propose to this state: what it knows of specs serves both ways. */
  readonly codec = new SharingCodec();
  #tables: Tables = createTables();
  #index = 0;

  constructor(listener: StateListener) {
    this.#listener = listener;
  }

  get tables(): Tables {
    return this.#tables;
  }

  /** Index of the last entry applied, also when it was refused. */
  get index(): number {
    return this.#index;
  }

  view(): LiveView {
    return new LiveView(this.#tables, this.#index);
  }

  /** Makes all changes of the entry, or throws OUT_OF_DATE or ALREADY_EXISTS and makes none. An empty entry changes nothing. */
  apply(entry: { readonly index: number; readonly data: Uint8Array }): number {
    this.#index = entry.index;
    if (entry.data.length === 0) return entry.index;
    const { changes, proposedAtMs } = decodeEntry(entry.data, this.codec);
    checkChanges(this.#tables, changes);
    // Every object of the entry has the same version and time: one of each serves all.
    const stamp = { version: { index: entry.index }, now: toTimestamp(proposedAtMs) };
    const events = changes.map((change) => this.#make(change, stamp));
    this.#listener.onEvents(events, entry.index);
    return entry.index;
  }

  /** The state as of this call, in chunks of at most 1 MiB, while later entries go on being applied. */
  snapshot(): AsyncIterable<Uint8Array> {
    // Objects never change, so the lists alone hold the moment.
    const objects = tableNames.map((table) => ({
      table,
      objects: tableOf(this.#tables, table).toArray(),
    }));
    return writeSnapshot(this.#index, objects, this.codec);
  }

  /**
   * Replaces the state by a snapshot's. DATA_LOSS, and the old state stays, when the snapshot is damaged. Resolves once every object was
   * told of, 500 a turn of the event loop; until then nothing may be applied (raft waits).
   */
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const tables = createTables();
    let before: Meta | undefined;
    const put = <T extends TableName>(table: T, object: ObjectOf[T]): void => {
      // Neighbours were often made or changed together.
      if (object.meta !== null) before = shareParts(object.meta, before);
      tableOf(tables, table).put(deepFreeze(shareWithOthers(object, undefined, tables)));
    };
    const index = await readSnapshot(chunks, put, this.codec);
    this.#tables = tables;
    this.#index = index;
    this.#listener.onReset();
    for (const events of slicesOf(createEvents(tables))) {
      this.#listener.onEvents(events, index);
      await setImmediate();
    }
  }

  #make(change: StoreChange, { version, now }: Stamp): StoreEvent {
    if (change.kind === "remove") {
      const object = tableOf(this.#tables, change.table).delete(change.object.id);
      return { kind: "remove", table: change.table, object, previous: object } as StoreEvent;
    }
    const before = tableOf(this.#tables, change.table).get(change.object.id);
    const meta: Meta = { version, createdAt: before?.meta?.createdAt ?? now, updatedAt: now };
    const changed = withSpecVersion(withMeta(change.object, meta), change.table, version.index);
    const object = deepFreeze(shareWithOthers(changed, before, this.#tables));
    const previous = tableOf(this.#tables, change.table).put(object);
    return {
      kind: previous === undefined ? "create" : "update",
      table: change.table,
      object,
      ...(previous === undefined ? {} : { previous }),
    } as StoreEvent;
  }
}

// In place, as the object was decoded for us alone: a copy with a field replaced would have a hidden class of its own once it is frozen
// (V8 of Node 20), which takes more memory than the object.
function withMeta<O extends ObjectOf[TableName]>(object: O, meta: Meta): O {
  object.meta = meta;
  return object;
}

/** A service or node whose spec version is left open has the version of this very write. */
function withSpecVersion<O extends ObjectOf[TableName]>(
  object: O,
  table: TableName,
  index: number,
): O {
  if (table !== "service" && table !== "node") return object;
  const isOpen = "specVersion" in object && object.specVersion === null;
  return isOpen ? { ...object, specVersion: { index } } : object;
}

function* createEvents(tables: Tables): Generator<StoreEvent> {
  for (const table of tableNames) {
    for (const object of tableOf(tables, table).values()) {
      yield { kind: "create", table, object } as StoreEvent;
    }
  }
}

function* slicesOf(events: Iterable<StoreEvent>): Generator<readonly StoreEvent[]> {
  let slice: StoreEvent[] = [];
  for (const event of events) {
    slice.push(event);
    if (slice.length < toldObjects) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}
