import type { PeerCertificate, TLSSocket } from "node:tls";
import {
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { assert, must } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { systemClock } from "../base/clock.ts";
import { withDeadline } from "../base/deadline.ts";
import { ClusterError, errnoCode, errorMessage, isClusterError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type CallContext, type MessageSink, messageSink } from "./call.ts";
import type { IdentitySource } from "./credentials.ts";
import { transportOptions } from "./limits.ts";
import { Link } from "./link.ts";
import { serviceDefinition } from "./load-proto.ts";
import {
  authorize,
  type NodeRoleName,
  type PeerIdentity,
  parsePeerSubject,
  type RoleRule,
} from "./roles.ts";
import { shortcutInterceptor } from "./server-call.ts";
import { toGrpcError } from "./status.ts";
import { TlsListener } from "./tls-listener.ts";

export interface RpcServerDeps {
  readonly identity: IdentitySource;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Says why a node must not be served although its certificate is good (removed, expired). */
  readonly refuse?: (peer: PeerIdentity) => string | undefined;
  /** The role that counts, when it is less than the certificate's; `validFromMs`: since when that is good. */
  readonly roleOf?: (peer: PeerIdentity, validFromMs: () => number) => NodeRoleName;
}

/** Takes a link of a node, or throws what refuses it; gives what hears its messages. */
export type LinkAcceptor = (nodeId: string, link: Link) => (bytes: Buffer) => void;

/** Ends a call with an error. */
type Cut = (error: unknown) => void;

/** A stream or a link being served. */
interface LiveStream {
  /** Throws when its caller may no longer have it. */
  readonly check: () => void;
  readonly cut: Cut;
}

/** Any of the three shapes of `ServiceHandlers`; the service's definition says which it is. */
type AnyHandler = (...args: never[]) => Promise<unknown>;
type LooseHandler = (
  input: unknown,
  context: CallContext,
  stream?: MessageSink<unknown>,
) => Promise<unknown>;
type AnyCall = ServerUnaryCall<unknown, unknown> &
  ServerWritableStream<unknown, unknown> &
  ServerReadableStream<unknown, unknown>;

const grpcProtocol = "h2";

/**
 * The server of a node: gRPC, and links for other protocols at the same port. Every method states who may call it; a caller's identity is that of its
 * TLS certificate, checked against our root and cluster id.
 */
export class RpcServer {
  readonly #deps: RpcServerDeps;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #listener: TlsListener;
  readonly #live = new Set<LiveStream>();

  constructor(deps: RpcServerDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ module: "rpc-server" });
    this.#server = new Server({ ...transportOptions, interceptors: [shortcutInterceptor()] });
    this.#listener = new TlsListener(deps.identity, this.#log);
    // Their TLS is the listener's; what is asked of a caller is asked with each call.
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#listener.handle(grpcProtocol, (socket) => injector.injectConnection(socket));
  }

  /**
   * Serves `skep.<service>`. `handlers` (lower camel case, `ServiceHandlers<…>`) and `roles` (names as
   * in the proto file) must each cover all its methods. May be called before and after `listen`.
   * `definition` is for a service that is not of our proto files.
   */
  add(
    service: string,
    handlers: Readonly<Record<string, AnyHandler>>,
    roles: Readonly<Record<string, RoleRule>>,
    definition: ServiceDefinition = serviceDefinition(service),
  ): void {
    const methods = Object.keys(definition);
    for (const name of [...Object.keys(roles), ...Object.keys(handlers).map(upperFirst)]) {
      assert(methods.includes(name), `service ${service} has no method ${name}`);
    }
    const implementation: Record<string, UntypedHandleCall> = {};
    for (const [name, method] of Object.entries(definition)) {
      const handler = must(handlers[lowerFirst(name)], `handler of ${service}.${name}`);
      const rule = must(roles[name], `role rule of ${service}.${name}`);
      implementation[name] = this.#wrap(
        `${service}.${name}`,
        handler as LooseHandler,
        rule,
        method.requestStream,
        method.responseStream,
      );
    }
    this.#server.addService(definition, implementation);
  }

  /** Takes links that speak `protocol` from nodes of that role; `removeLinks` ends that. */
  addLinks(protocol: string, rule: RoleRule, accept: LinkAcceptor): void {
    this.#listener.handle(protocol, (socket) => {
      const certificate = certificateOf(socket);
      const check = (): PeerIdentity => {
        const peer = this.#peerFrom(certificate);
        authorize(rule, peer, protocol);
        return must(peer, "a peer with a role");
      };
      let hear: (bytes: Buffer) => void = () => {};
      const link = new Link(
        {
          ...{ socket, asks: false, clock: this.#deps.clock ?? systemClock },
          address: `${socket.remoteAddress}:${socket.remotePort}`,
        },
        { onOpen() {}, onDrain() {}, onEnd() {}, onMessage: (bytes) => hear(bytes) },
      );
      const stream: LiveStream = { check, cut: (error) => link.close(error) };
      try {
        hear = accept(check().nodeId, link);
        this.#live.add(stream);
        socket.once("close", () => this.#live.delete(stream));
        link.open();
      } catch (error) {
        link.close(error);
      }
    });
  }

  /** Takes no more links of that protocol; those that there are stay. */
  removeLinks(protocol: string): void {
    this.#listener.handle(protocol, undefined);
  }

  /** Who may call has changed: streams of nodes that could not open them now end with PERMISSION_DENIED. New calls are checked each by itself. */
  recheck(): void {
    for (const stream of [...this.#live]) {
      try {
        stream.check();
      } catch (error) {
        stream.cut(error);
      }
    }
  }

  /** Stops serving a service: new calls get UNIMPLEMENTED. */
  remove(service: string): void {
    this.#server.removeService(serviceDefinition(service));
  }

  /** Listens at "ip:port" (port 0 = any free one) and tells the port. UNAVAILABLE when it is taken. */
  listen(address: string): Promise<number> {
    return this.#listener.listen(address);
  }

  /** Takes no new calls, lets running ones end for `graceMs`, then cuts them off. */
  async stop(graceMs: number): Promise<void> {
    this.#listener.close();
    const done = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    try {
      await withDeadline(this.#deps.clock ?? systemClock, graceMs, "rpc server stop", done);
    } catch (error) {
      if (!isClusterError(error, "DEADLINE_EXCEEDED")) throw error;
      this.#server.forceShutdown();
    } finally {
      this.#listener.destroy();
    }
  }

  #wrap(
    name: string,
    handler: LooseHandler,
    rule: RoleRule,
    requestStream: boolean,
    responseStream: boolean,
  ): UntypedHandleCall {
    const run = async (call: AnyCall, cut: Cut): Promise<unknown> => {
      const peer = this.#peerOf(call);
      authorize(rule, peer, name);
      const context = new ServedCall(call, peer);
      if (!requestStream && !responseStream) return await handler(call.request, context);
      const stream: LiveStream = {
        check: () => authorize(rule, this.#peerOf(call), name),
        cut: (error) => {
          context.abort();
          cut(error);
        },
      };
      this.#live.add(stream);
      try {
        // A handler that stops reading must still be able to answer: leaving the loop keeps the stream.
        const input = requestStream ? call.iterator({ destroyOnReturn: false }) : call.request;
        return responseStream
          ? await handler(input, context, messageSink(call, context.signal))
          : await handler(input, context);
      } finally {
        this.#live.delete(stream);
      }
    };
    if (responseStream) {
      const serveStream = (call: AnyCall): void => {
        const end = once((error?: unknown) => {
          if (error === undefined) call.end();
          else call.emit("error", this.#describe(name, error));
        });
        void run(call, end).then(() => end(), end);
      };
      return serveStream as UntypedHandleCall;
    }
    const serveUnary = (call: AnyCall, reply: sendUnaryData<unknown>): void => {
      const end = once((error: unknown, response?: unknown) => {
        if (error === undefined) reply(null, response);
        else reply(this.#describe(name, error));
      });
      void run(call, end).then((response) => end(undefined, response), end);
    };
    return serveUnary as UntypedHandleCall;
  }

  #peerOf(call: AnyCall): PeerIdentity | undefined {
    // Empty unless the certificate's chain was verified against our root.
    const certificate = call.getAuthContext()?.sslPeerCertificate;
    return this.#peerFrom(certificate);
  }

  #peerFrom(certificate: PeerCertificate | undefined): PeerIdentity | undefined {
    if (certificate === undefined) return undefined;
    const peer = parsePeerSubject(certificate.subject, this.#deps.identity.current().clusterId);
    if (peer instanceof Error) throw new ClusterError("UNAUTHENTICATED", peer.message);
    const refusal = this.#deps.refuse?.(peer);
    if (refusal !== undefined) {
      throw new ClusterError("PERMISSION_DENIED", refusal, { details: { refused: "node" } });
    }
    const validFromMs = (): number => Date.parse(certificate.valid_from);
    return { ...peer, role: this.#deps.roleOf?.(peer, validFromMs) ?? peer.role };
  }

  #describe(name: string, error: unknown): ReturnType<typeof toGrpcError> & Error {
    if (errnoCode(error) === "ERR_STREAM_PREMATURE_CLOSE") {
      this.#log.debug({ method: name }, "the caller went away in the middle of a stream");
    } else if (!(error instanceof ClusterError)) {
      this.#log.error({ method: name, err: error }, "rpc handler failed");
    }
    return Object.assign(new Error(errorMessage(error)), toGrpcError(error));
  }
}

/** Of a certificate whose chain was verified against our root. */
function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  return socket.authorized ? socket.getPeerCertificate() : undefined;
}

/** Most unary handlers look at neither address nor signal, and each call ends with "cancelled": so both are made when they are asked for. */
class ServedCall implements CallContext {
  readonly peer: PeerIdentity | undefined;
  readonly #call: AnyCall;
  #abort: AbortController | undefined;

  constructor(call: AnyCall, peer: PeerIdentity | undefined) {
    this.peer = peer;
    this.#call = call;
  }

  get remoteAddress(): string {
    return this.#call.getPeer();
  }

  get signal(): AbortSignal {
    if (this.#abort !== undefined) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    this.#call.on("cancelled", () => abort.abort());
    if (this.#call.cancelled) abort.abort();
    return abort.signal;
  }

  /** Tells the handler that the call is over. */
  abort(): void {
    if (this.#abort === undefined) void this.signal;
    this.#abort?.abort();
  }
}

/** Only the first call counts: a stream that was cut off has had its answer. */
function once<A extends unknown[]>(work: (...args: A) => void): (...args: A) => void {
  let isDone = false;
  return (...args) => {
    if (isDone) return;
    isDone = true;
    work(...args);
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
