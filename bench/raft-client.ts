import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import { ChannelCredentials, Client } from "@grpc/grpc-js";
import { must } from "../src/base/assert.ts";
import type { TlsIdentity } from "../src/rpc/credentials.ts";
import { kvDefinition, type PutResponse } from "./kv.ts";

// A closed loop of clients, the same program for both sides: each puts 256 bytes under one of 10,000 keys and waits for the answer
// before the next. Usage: raft-client OPTIONS-AS-JSON; prints a LoadResult as JSON.

export interface LoadOptions {
  /** "ip:port" of the leader. */
  readonly address: string;
  /** A TlsIdentity as JSON: the client's certificate. */
  readonly identityFile: string;
  readonly clients: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Writes a second in all, begun at their time whether those before are answered or not; as fast as it goes when absent. */
  readonly rate?: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How late writes with a time of their own began though their client waited for nothing: its process was not given a core in time. */
  readonly lateP99Ms: number;
  readonly errors: number;
  /** Writes in all, warm-up included. */
  readonly total: number;
}

const clientsPerConnection = 16;
const valueBytes = 256;
const keys = 10_000;
const timeoutMs = 10_000;

const options = JSON.parse(must(process.argv[2], "options as JSON")) as LoadOptions;
process.stdout.write(`${JSON.stringify(await load())}\n`);
process.exit(0);

async function load(): Promise<LoadResult> {
  const connections = Array.from(
    { length: Math.ceil(options.clients / clientsPerConnection) },
    connect,
  );
  const begin = performance.now();
  const start = begin + options.warmUpMs;
  const end = start + options.durationMs;
  const latencies: number[] = [];
  const lateness: number[] = [];
  let errors = 0;
  let total = 0;
  const value = Buffer.alloc(valueBytes, "v");
  const one = async (number: number): Promise<void> => {
    const client = must(connections[number % connections.length], "a connection");
    for (let turn = number; ; turn += options.clients) {
      const due = options.rate === undefined ? 0 : begin + (turn * 1000) / options.rate;
      const isFree = due > performance.now();
      if (isFree) await sleep(due - performance.now());
      const key = Buffer.from(`key${String(turn % keys).padStart(5, "0")}`);
      // A write that could not begin in time has waited too.
      const from = due === 0 ? performance.now() : due;
      if (from >= end) return;
      if (isFree && from >= start) lateness.push(performance.now() - due);
      const done = await put(client, key, value);
      const to = performance.now();
      total += 1;
      if (from < start || (options.rate === undefined && to >= end)) continue;
      if (done) latencies.push(to - from);
      else errors += 1;
    }
  };
  await Promise.all(Array.from({ length: options.clients }, (_, number) => one(number)));
  const perSecond = (latencies.length * 1000) / options.durationMs;
  const [p50Ms, p99Ms] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
  return { perSecond, p50Ms, p99Ms, lateP99Ms: percentile(lateness, 0.99), errors, total };
}

function percentile(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.floor(values.length * share)] ?? 0;
}

function put(client: Client, key: Buffer, value: Buffer): Promise<boolean> {
  const { path, requestSerialize, responseDeserialize } = kvDefinition.Put;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { key, value },
      { deadline: Date.now() + timeoutMs },
      (error: Error | null, _answer?: PutResponse) => resolve(error === null),
    );
  });
}

function connect(): Client {
  const identity = JSON.parse(readFileSync(options.identityFile, "utf8")) as TlsIdentity;
  const context = createSecureContext({
    ca: identity.rootCaPem,
    cert: identity.certificatePem,
    key: identity.privateKeyPem,
  });
  const credentials = ChannelCredentials.createFromSecureContext(context, {
    checkServerIdentity: () => undefined,
  });
  return new Client(`ipv4:${options.address}`, credentials, {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.ssl_target_name_override": "swarm-manager",
    "grpc.enable_http_proxy": 0,
  });
}
