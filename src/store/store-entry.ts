import { ClusterError } from "../base/errors.ts";
import { objectField, tableOfField } from "./object-codecs.ts";
import type { ObjectOf, TableName } from "./objects.ts";
import { SharingCodec } from "./sharing-codec.ts";
import { bytesField, FieldReader, numberField } from "./wire.ts";

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

const kinds = ["create", "update", "remove"] as const; // as numbered by StoreActionKind
/** Fields of `StoreEntry` and `StoreAction` (store.proto). */
const fields = { actions: 1, proposedAtMs: 2, kind: 1, expectedIndex: 2 } as const;

/** The changes as a `StoreEntry`: what is proposed to raft. */
export function encodeEntry(
  changes: readonly StoreChange[],
  proposedAtMs: number,
  codec: SharingCodec = new SharingCodec(),
): Buffer {
  const parts = changes.flatMap((change) =>
    bytesField(fields.actions, encodeAction(change, codec)),
  );
  return Buffer.concat([...parts, numberField(fields.proposedAtMs, Math.floor(proposedAtMs))]);
}

/** Reads a `StoreEntry`. INTERNAL when it is none. */
export function decodeEntry(
  data: Uint8Array,
  codec: SharingCodec = new SharingCodec(),
): {
  readonly changes: readonly StoreChange[];
  readonly proposedAtMs: number;
} {
  const changes: StoreChange[] = [];
  let proposedAtMs = 0;
  try {
    const reader = new FieldReader(data);
    while (reader.next()) {
      if (reader.field === fields.actions) changes.push(decodeAction(reader.content(), codec));
      else if (reader.field === fields.proposedAtMs) proposedAtMs = reader.value;
    }
  } catch (error) {
    throw new ClusterError("INTERNAL", "the log entry is not a store entry", { cause: error });
  }
  return { changes, proposedAtMs };
}

function encodeAction(change: StoreChange, codec: SharingCodec): Buffer {
  const object = change.kind === "remove" ? { id: change.object.id } : change.object;
  return Buffer.concat([
    numberField(fields.kind, kinds.indexOf(change.kind)),
    numberField(fields.expectedIndex, change.expectedIndex),
    ...bytesField(objectField[change.table], codec.encode(change.table, object)),
  ]);
}

function decodeAction(data: Uint8Array, codec: SharingCodec): StoreChange {
  const reader = new FieldReader(data);
  let kind: StoreChange["kind"] | undefined = "create";
  let expectedIndex = 0;
  let change: { table: TableName; object: ObjectOf[TableName] } | undefined;
  while (reader.next()) {
    const table = tableOfField.get(reader.field);
    if (table !== undefined) change = { table, object: codec.decode(table, reader.content()) };
    else if (reader.field === fields.kind) kind = kinds[reader.value];
    else if (reader.field === fields.expectedIndex) expectedIndex = reader.value;
  }
  if (change === undefined || kind === undefined) throw new RangeError("an action of nothing");
  // Table and object belong together because one codec read both.
  return { kind, expectedIndex, ...change } as StoreChange;
}
