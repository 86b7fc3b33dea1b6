import type { ServiceDefinition } from "@grpc/grpc-js";

// The one method of etcd's public v3 API that the bench needs, packed by hand: `etcdserverpb.KV/Put`, where a request has the key in
// field 1 and the value in field 2 (bytes). Both sides serve it, so one client measures both.

/** A key and a value to keep under it. */
export interface PutRequest {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** What etcd answers is not looked at; ours is empty. */
export type PutResponse = Record<string, never>;

const lengthDelimited = 2;

/** For a grpc-js client or server. */
export const kvDefinition = {
  Put: {
    path: "/etcdserverpb.KV/Put",
    requestStream: false,
    responseStream: false,
    requestSerialize: encodePut,
    requestDeserialize: decodePut,
    responseSerialize: (_: PutResponse) => Buffer.alloc(0),
    responseDeserialize: (_: Buffer): PutResponse => ({}),
  },
} satisfies ServiceDefinition;

/** The request on the wire, and in our log. */
export function encodePut({ key, value }: PutRequest): Buffer {
  return Buffer.concat([head(1, key.length), key, head(2, value.length), value]);
}

/** Fields it does not know are not expected. */
export function decodePut(bytes: Buffer): PutRequest {
  const fields = new Map<number, Buffer>();
  let at = 0;
  while (at < bytes.length) {
    const field = (bytes[at] ?? 0) >> 3;
    const { value: length, next } = varint(bytes, at + 1);
    fields.set(field, bytes.subarray(next, next + length));
    at = next + length;
  }
  const none = Buffer.alloc(0);
  return { key: fields.get(1) ?? none, value: fields.get(2) ?? none };
}

function head(field: number, length: number): Buffer {
  const bytes = [(field << 3) | lengthDelimited];
  let rest = length;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function varint(bytes: Buffer, from: number): { value: number; next: number } {
  let value = 0;
  for (let at = from, shift = 0; ; at += 1, shift += 7) {
    const byte = bytes[at] ?? 0;
    value |= (byte & 127) << shift;
    if (byte < 128) return { value, next: at + 1 };
  }
}
