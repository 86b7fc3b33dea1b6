import { isIPv4, isIPv6 } from "node:net";
import {
  type CallOptions,
  Client,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { must } from "../base/assert.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import { splitHostPort } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { bulkSink, type MessageSink } from "./call.ts";
import {
  channelCredentials,
  dialManager,
  type IdentitySource,
  tlsServerName,
} from "./credentials.ts";
import { transportOptions } from "./limits.ts";
import { Link, type LinkEvents } from "./link.ts";
import { serviceDefinition } from "./load-proto.ts";
import { fromGrpcError } from "./status.ts";

export interface ChannelPoolDeps {
  readonly identity: IdentitySource;
  readonly log: Logger;
  /** Deadlines are compared with the system's clock by grpc-js. */
  readonly clock?: Clock;
}

export interface UnaryOptions {
  /** Milliseconds; 10,000 when absent. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** A stream lives until it ends or is cancelled, unless this is given. */
  readonly timeoutMs?: number;
}

/** Many requests, one response. */
export interface UploadCall<Request, Response> extends MessageSink<Request> {
  end(): void;
  readonly response: Promise<Response>;
  cancel(): void;
}

/** A connection, and how many calls are under way on it. */
interface PooledClient {
  readonly client: Client;
  calls: number;
}

/** The part of a call that tells its end. */
interface CallEnd {
  once(event: "status", listener: () => void): unknown;
}

const retiredMax = 64;
/** At most this many managers are connected to; the one unused for longest is closed. */
const channelsMax = 256;
const defaultTimeoutMs = 10_000;
const channelOptions = {
  ...transportOptions,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.min_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  // Channels of an old identity must not lend their connections to new ones.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.ssl_target_name_override": tlsServerName,
} as const;

/**
 * Connections to managers by "host:port", opened at the first call and shared. After a change of
 * identity new calls use new connections; calls under way end on the old ones.
 */
export class ChannelPool {
  readonly #identity: IdentitySource;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #clients = new Map<string, PooledClient>();
  /** Of former identities, until the calls on them have ended; oldest first. */
  readonly #retired = new Set<PooledClient>();
  readonly #links = new Set<Link>();
  readonly #unsubscribe: () => void;
  #stopped = false;

  constructor({ identity, log, clock }: ChannelPoolDeps) {
    this.#identity = identity;
    this.#clock = clock ?? systemClock;
    this.#log = log.child({ module: "channel-pool" });
    this.#unsubscribe = identity.onChange(() => {
      this.#log.debug({ channels: this.#clients.size }, "identity changed, reconnecting");
      this.#retireAll();
    });
  }

  /** One request, one response. Any ClusterError of the server, or of the transport. */
  async unary<Request, Response>(
    address: string,
    service: string,
    method: string,
    request: Request,
    options: UnaryOptions = {},
  ): Promise<Response> {
    options.signal?.throwIfAborted();
    const pooled = this.#client(address);
    const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<Response>((resolve, reject) => {
        const call = pooled.client.makeUnaryRequest(
          path,
          requestSerialize as (value: Request) => Buffer,
          responseDeserialize as (bytes: Buffer) => Response,
          request,
          new Metadata(),
          this.#callOptions(options.timeoutMs ?? defaultTimeoutMs),
          (error: ServiceError | null, response?: Response) => {
            if (error !== null) reject(error);
            else resolve(response as Response);
          },
        );
        this.#track(pooled, call);
        onAbort = () => call.cancel();
        options.signal?.addEventListener("abort", onAbort);
      });
    } catch (error) {
      throw fromGrpcError(error, address);
    } finally {
      if (onAbort !== undefined) options.signal?.removeEventListener("abort", onAbort);
    }
  }

  /** One request, many responses. The call starts with the iteration and ends with it. */
  async *serverStream<Request, Response>(
    address: string,
    service: string,
    method: string,
    request: Request,
    options: StreamOptions = {},
  ): AsyncGenerator<Response, void, void> {
    options.signal?.throwIfAborted();
    const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
    const pooled = this.#client(address);
    const call = pooled.client.makeServerStreamRequest<Request, Response>(
      path,
      requestSerialize as (value: Request) => Buffer,
      responseDeserialize as (bytes: Buffer) => Response,
      request,
      new Metadata(),
      this.#callOptions(options.timeoutMs),
    );
    this.#track(pooled, call);
    const release = cancelOn(options.signal, call);
    try {
      for await (const message of call) yield message as Response;
    } catch (error) {
      throw fromGrpcError(error, address);
    } finally {
      release();
      call.cancel();
    }
  }

  /** A link to the manager at `address`; `protocol` is one of its server's. */
  link(address: string, protocol: string, events: LinkEvents): Link {
    if (this.#stopped) throw stopping();
    const socket = dialManager(address, protocol, this.#identity.current());
    const link = new Link({ socket, address, asks: true, clock: this.#clock }, events);
    this.#links.add(link);
    socket.once("close", () => this.#links.delete(link));
    return link;
  }

  /** Opens a stream of requests that is answered once. */
  upload<Request, Response>(
    address: string,
    service: string,
    method: string,
    options: StreamOptions = {},
  ): UploadCall<Request, Response> {
    options.signal?.throwIfAborted();
    const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
    const { promise, resolve, reject } = withResolvers<Response>();
    const ended = new AbortController();
    const pooled = this.#client(address);
    const call = pooled.client.makeClientStreamRequest<Request, Response>(
      path,
      requestSerialize as (value: Request) => Buffer,
      responseDeserialize as (bytes: Buffer) => Response,
      new Metadata(),
      this.#callOptions(options.timeoutMs),
      (error: ServiceError | null, response?: Response) => {
        release();
        ended.abort();
        if (error !== null) reject(fromGrpcError(error, address));
        else resolve(response as Response);
      },
    );
    this.#track(pooled, call);
    const release = cancelOn(options.signal, call);
    call.on("error", () => {}); // told by `response`
    promise.catch(() => {}); // a caller that gave up while writing need not look at it
    return {
      write: bulkSink<Request>(call, ended.signal).write,
      end: () => call.end(),
      response: promise,
      cancel: () => call.cancel(),
    };
  }

  /** Forgets the connection to `address`; calls under way end on it. */
  close(address: string): void {
    this.#clients.get(address)?.client.close();
    this.#clients.delete(address);
  }

  /** Closes all; later calls are refused with CANCELLED. */
  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#closeAll();
  }

  #closeAll(): void {
    for (const { client } of [...this.#clients.values(), ...this.#retired]) client.close();
    this.#clients.clear();
    this.#retired.clear();
    for (const link of this.#links) link.close();
  }

  // A closed channel would lose its streams with the next keepalive, which a closing connection does not answer.
  #retireAll(): void {
    for (const pooled of this.#clients.values()) {
      if (pooled.calls === 0) pooled.client.close();
      else this.#retired.add(pooled);
    }
    this.#clients.clear();
    for (const pooled of this.#retired) {
      if (this.#retired.size <= retiredMax) break;
      this.#retired.delete(pooled);
      pooled.client.close();
    }
  }

  /** Counts a call for as long as it lasts. */
  #track<C extends CallEnd>(pooled: PooledClient, call: C): C {
    pooled.calls += 1;
    call.once("status", () => {
      pooled.calls -= 1;
      if (pooled.calls === 0 && this.#retired.delete(pooled)) pooled.client.close();
    });
    return call;
  }

  #client(address: string): PooledClient {
    if (this.#stopped) throw stopping();
    const known = this.#clients.get(address);
    if (known !== undefined) {
      this.#clients.delete(address); // keeps the map in order of use
      this.#clients.set(address, known);
      return known;
    }
    const [oldest] = this.#clients.keys();
    if (this.#clients.size >= channelsMax && oldest !== undefined) this.close(oldest);
    const credentials = channelCredentials(this.#identity.current());
    const client = new Client(targetOf(address), credentials, channelOptions);
    const pooled = { client, calls: 0 };
    this.#clients.set(address, pooled);
    return pooled;
  }

  #callOptions(timeoutMs: number | undefined): CallOptions {
    return timeoutMs === undefined ? {} : { deadline: this.#clock.now() + timeoutMs };
  }
}

function stopping(): ClusterError {
  return new ClusterError("CANCELLED", "this node is stopping");
}

/** grpc-js's name for "host:port"; addresses are dialled without a resolver. */
function targetOf(address: string): string {
  const { host, port } = splitHostPort(address, 0);
  if (port === 0) throw new ClusterError("INVALID_ARGUMENT", `address ${address} has no port`);
  if (isIPv4(host)) return `ipv4:${host}:${port}`;
  return isIPv6(host) ? `ipv6:[${host}]:${port}` : `dns:${host}:${port}`;
}

function methodOf(service: string, method: string): MethodDefinition<unknown, unknown> {
  return must(serviceDefinition(service)[method], `method ${service}.${method}`);
}

function cancelOn(signal: AbortSignal | undefined, call: { cancel(): void }): () => void {
  const onAbort = (): void => call.cancel();
  signal?.addEventListener("abort", onAbort);
  return () => signal?.removeEventListener("abort", onAbort);
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
