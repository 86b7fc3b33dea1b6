import type { ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { sendTrailersAtOnce } from "./prompt-trailers.ts";

type NextCall = Parameters<ServerInterceptor>[1];
type AuthContext = ReturnType<ServerInterceptingCall["getAuthContext"]>;

const nothing = (): void => {};

/**
 * Makes every call of a server cheaper: a connection's certificate is read once, as it cannot change, and not with each call; and
 * the status of a unary call goes out with its answer, where grpc-js waits for the answer to be written first, and Node once more.
 */
export function shortcutInterceptor(): ServerInterceptor {
  const authContexts = new WeakMap<object, AuthContext>();
  return (method, call) => new ShortcutCall(call, method.responseStream, authContexts);
}

/** Hands everything on by itself: what the class that it extends does for interceptors that change something costs a tenth of a call. */
class ShortcutCall extends ServerInterceptingCall {
  readonly #next: NextCall;
  readonly #isStream: boolean;
  readonly #authContexts: WeakMap<object, AuthContext>;

  constructor(next: NextCall, isStream: boolean, authContexts: WeakMap<object, AuthContext>) {
    super(next);
    this.#next = next;
    this.#isStream = isStream;
    this.#authContexts = authContexts;
  }

  override getAuthContext(): AuthContext {
    const session = sessionOf(this.#next);
    if (session === undefined) return this.#next.getAuthContext();
    const known = this.#authContexts.get(session);
    if (known !== undefined) return known;
    const context = this.#next.getAuthContext();
    this.#authContexts.set(session, context);
    return context;
  }

  /** As it was when the call began: its connection may be gone. */
  override getPeer(): string {
    const { remoteAddress, remotePort } = this.#next.getConnectionInfo();
    return remoteAddress === undefined ? "unknown" : `${remoteAddress}:${remotePort}`;
  }

  override start(listener: Parameters<NextCall["start"]>[0]): void {
    this.#next.start(listener);
  }

  override sendMetadata(metadata: Parameters<NextCall["sendMetadata"]>[0]): void {
    this.#next.sendMetadata(metadata);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    if (this.#isStream) {
      this.#next.sendMessage(message, callback);
      return;
    }
    // Whatever goes wrong while it is written ends the stream; what is said after that is not heard.
    this.#next.sendMessage(message, nothing);
    callback();
  }

  override sendStatus(status: Parameters<NextCall["sendStatus"]>[0]): void {
    const stream = this.#isStream ? undefined : streamOf(this.#next);
    if (stream !== undefined) sendTrailersAtOnce(stream);
    this.#next.sendStatus(status);
  }
}

/** The HTTP/2 session of a call, one for each connection. */
function sessionOf(call: NextCall): object | undefined {
  return streamOf(call)?.session;
}

/** The HTTP/2 stream of a call; grpc-js has no public name for it. */
function streamOf(call: NextCall): ServerHttp2Stream | undefined {
  const stream: unknown = Reflect.get(call, "stream");
  return stream instanceof Duplex ? (stream as ServerHttp2Stream) : undefined;
}
