import { type MessageCodec, messageCodec } from "../rpc/load-proto.ts";
import { type InputOf, type ObjectOf, type TableName, tableNames } from "./objects.ts";

/** Encoder and decoder of each table's objects. */
export const objectCodecs: { readonly [T in TableName]: MessageCodec<InputOf[T], ObjectOf[T]> } = {
  cluster: messageCodec("Cluster"),
  node: messageCodec("Node"),
  service: messageCodec("Service"),
  task: messageCodec("Task"),
  network: messageCodec("Network"),
  secret: messageCodec("Secret"),
  config: messageCodec("Config"),
};

/** The field each table has in `StoreAction` and in `StoreSnapshotChunk` (store.proto): the same in both. */
export const objectField: Readonly<Record<TableName, number>> = {
  cluster: 3,
  node: 4,
  service: 5,
  task: 6,
  network: 7,
  secret: 8,
  config: 9,
};

/** The table of each field of `objectField`. */
export const tableOfField: ReadonlyMap<number, TableName> = new Map(
  tableNames.map((table) => [objectField[table], table]),
);

/** The full decoded form of an object that was put together by hand. */
export function completeObject<T extends TableName>(table: T, input: InputOf[T]): ObjectOf[T] {
  const codec: MessageCodec<InputOf[T], ObjectOf[T]> = objectCodecs[table];
  return codec.decode(codec.encode(input));
}

/** An object in protobuf. */
export function encodeObject<T extends TableName>(table: T, object: InputOf[T]): Buffer {
  const codec: MessageCodec<InputOf[T], ObjectOf[T]> = objectCodecs[table];
  return codec.encode(object);
}
