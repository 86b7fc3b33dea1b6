import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ServiceDefinition } from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { assert } from "../base/assert.ts";

/** Encodes any accepted form of a message and decodes to the full form, all fields present. */
export interface MessageCodec<Input, Output> {
  encode(message: Input): Buffer;
  decode(bytes: Uint8Array): Output;
}

const files = ["store.proto", "raft.proto", "control.proto", "dispatcher.proto", "ca.proto"].concat(
  "logs.proto",
  "health.proto",
);

const protoFolder = findProtoFolder();

// The options must be those of scripts/generate-proto-types.mjs.
const definitions = protoLoader.loadSync(files, {
  includeDirs: [protoFolder],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

/** The codec of message `skep.<name>`. The type arguments are its generated types. */
export function messageCodec<Input extends object, Output>(
  name: string,
): MessageCodec<Input, Output> {
  const definition = definitions[`skep.${name}`];
  assert(definition !== undefined && "format" in definition, `no message skep.${name}`);
  const { serialize, deserialize } = definition as protoLoader.MessageTypeDefinition<Input, object>;
  return {
    encode: (message) => serialize(message),
    decode: (bytes) => deserialize(asBuffer(bytes)) as Output,
  };
}

/** The gRPC service `skep.<name>`, for servers and clients. */
export function serviceDefinition(name: string): ServiceDefinition {
  const definition = definitions[`skep.${name}`];
  assert(definition !== undefined && !("format" in definition), `no service skep.${name}`);
  return definition as ServiceDefinition;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// Sources run from dist/src/rpc and (type stripping) from src/rpc.
function findProtoFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "proto", "store.proto"))) {
    assert(folder !== dirname(folder), "no proto folder beside the program");
    folder = dirname(folder);
  }
  return join(folder, "proto");
}
