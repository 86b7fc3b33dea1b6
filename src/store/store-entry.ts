import { ClusterError } from "../base/errors.ts";
import type { StoreAction } from "../gen/skep/StoreAction.ts";
import type { StoreEntry, StoreEntryInput } from "../gen/skep/StoreEntry.ts";
import { messageCodec } from "../rpc/load-proto.ts";
import { encodeObject, objectField } from "./object-codecs.ts";
import type { ObjectOf, TableName } from "./objects.ts";
import { bytesField, numberField } from "./wire.ts";

/** One change of one object. `expectedIndex` is the version it was decided on; 0 for a creation. */
export type StoreChange = {
  [T in TableName]: {
    readonly kind: "create" | "update" | "remove";
    readonly table: T;
    readonly expectedIndex: number;
    /** For a removal, the object as it was read. */
    readonly object: ObjectOf[T];
  };
}[TableName];

const entryCodec = messageCodec<StoreEntryInput, StoreEntry>("StoreEntry");
const kindNumber = { create: 0, update: 1, remove: 2 } as const;
const kindOfAction = {
  STORE_CREATE: "create",
  STORE_UPDATE: "update",
  STORE_REMOVE: "remove",
} as const;

/** The changes as a `StoreEntry`: what is proposed to raft. */
export function encodeEntry(changes: readonly StoreChange[], proposedAtMs: number): Buffer {
  const parts = changes.flatMap((change) => bytesField(1, encodeAction(change)));
  return Buffer.concat([...parts, numberField(2, Math.floor(proposedAtMs))]);
}

/** Reads a `StoreEntry`. INTERNAL when it is none. */
export function decodeEntry(data: Uint8Array): {
  readonly changes: readonly StoreChange[];
  readonly proposedAtMs: number;
} {
  const entry = decode(data);
  return { changes: entry.actions.map(changeOf), proposedAtMs: entry.proposedAtMs };
}

function encodeAction(change: StoreChange): Buffer {
  const object = change.kind === "remove" ? { id: change.object.id } : change.object;
  return Buffer.concat([
    numberField(1, kindNumber[change.kind]),
    numberField(2, change.expectedIndex),
    ...bytesField(objectField[change.table], encodeObject(change.table, object)),
  ]);
}

function decode(data: Uint8Array): StoreEntry {
  try {
    return entryCodec.decode(data);
  } catch (error) {
    throw new ClusterError("INTERNAL", "the log entry is not a store entry", { cause: error });
  }
}

function changeOf(action: StoreAction): StoreChange {
  const kind = kindOfAction[action.kind];
  const { expectedIndex } = action;
  for (const table of Object.keys(objectField) as TableName[]) {
    const object = action[table];
    // Table and object belong together because both were read by the same key.
    if (object) return { kind, table, expectedIndex, object } as StoreChange;
  }
  throw new ClusterError("INTERNAL", "the log entry has an action without an object");
}
