import { once } from "node:events";
import { chmodSync, existsSync, unlinkSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type Duplex, Readable } from "node:stream";
import { anySignal } from "../base/any-signal.ts";
import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { commonHeaders, type RestApp } from "./app.ts";
import { writeReply, writeUpgrade } from "./http/write-reply.ts";

/** Where to listen. */
export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string; readonly mode?: number }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface RestServerDeps {
  readonly app: RestApp;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Serves a RestApp over HTTP on unix sockets and TCP ports. */
export class RestServer {
  readonly #deps: RestServerDeps;
  readonly #servers: Server[] = [];
  readonly #upgraded = new Set<Duplex>();
  readonly #stopping = new AbortController();

  constructor(deps: RestServerDeps) {
    this.#deps = deps;
  }

  /**
   * Starts to listen. A stale socket file is replaced; FAILED_PRECONDITION when somebody answers
   * on it. Resolves with the TCP port, 0 for unix sockets.
   */
  async listen(address: ListenAddress): Promise<number> {
    const server = createServer();
    server.on("request", (request, response) => void this.#onRequest(request, response));
    server.on("upgrade", (request, socket, head) => void this.#onUpgrade(request, socket, head));
    // Logs, events and waits stay open for as long as the client likes.
    server.requestTimeout = 0;
    server.headersTimeout = 30_000;
    if (address.kind === "unix") await removeStaleSocket(address.path);
    const listening = once(server, "listening");
    if (address.kind === "unix") server.listen(address.path);
    else server.listen(address.port, address.host);
    await listening;
    this.#servers.push(server);
    if (address.kind === "unix") {
      chmodSync(address.path, address.mode ?? 0o660);
      return 0;
    }
    return (server.address() as AddressInfo).port;
  }

  /** Refuses new connections, ends streams, waits up to `graceMs` for the rest and cuts it. */
  async stop(graceMs = 2000): Promise<void> {
    this.#stopping.abort(new ClusterError("CANCELLED", "the daemon is stopping"));
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const server of this.#servers) server.closeIdleConnections();
    const timer = this.#deps.clock.setTimer(graceMs, () => {
      for (const server of this.#servers) server.closeAllConnections();
      for (const socket of this.#upgraded) socket.destroy();
    });
    await Promise.all(closed);
    timer.cancel();
    for (const socket of this.#upgraded) socket.destroy();
    this.#servers.length = 0;
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on("close", () => gone.abort(clientGone()));
    response.on("error", () => gone.abort(clientGone()));
    const signal = anySignal(gone.signal, this.#stopping.signal);
    try {
      const reply = await this.#deps.app.handle({
        method: request.method ?? "GET",
        url: request.url ?? "/",
        headers: flatHeaders(request),
        body: request,
        signal,
      });
      if (gone.signal.aborted) return;
      await writeReply(reply, response, commonHeaders, signal, this.#deps.log);
    } catch (error) {
      this.#deps.log.warn({ err: error }, "response could not be written");
      response.destroy();
    } finally {
      // What was not read of a refused upload must not block the connection.
      if (!request.readableEnded) request.resume();
    }
  }

  async #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#upgraded.add(socket);
    const gone = new AbortController();
    socket.on("error", () => gone.abort(clientGone()));
    socket.on("close", () => {
      this.#upgraded.delete(socket);
      gone.abort(clientGone());
    });
    const signal = anySignal(gone.signal, this.#stopping.signal);
    try {
      const body = await takeBody(request, socket, head);
      const reply = await this.#deps.app.handle({
        method: request.method ?? "POST",
        url: request.url ?? "/",
        headers: flatHeaders(request),
        body: Readable.from(body.length === 0 ? [] : [body]),
        signal,
      });
      if (reply.kind === "upgrade") await writeUpgrade(reply, socket, commonHeaders, signal);
      else await writePlain(reply, socket);
    } catch (error) {
      this.#deps.log.debug({ err: error }, "upgraded connection failed");
      socket.destroy();
    }
  }
}

function clientGone(): ClusterError {
  return new ClusterError("CANCELLED", "the client closed the connection");
}

function flatHeaders(request: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : value,
    ]),
  );
}

const upgradeBodyMax = 1024 * 1024;

// Node hands over an upgraded connection with its body unread.
async function takeBody(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<Buffer> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (!Number.isSafeInteger(length) || length < 0 || length > upgradeBodyMax) {
    throw new ClusterError("INVALID_ARGUMENT", "request body of an upgrade is too large");
  }
  let got = head;
  while (got.length < length) {
    const [chunk] = (await Promise.race([
      once(socket, "data"),
      once(socket, "close"),
    ])) as unknown[];
    if (!Buffer.isBuffer(chunk)) {
      throw new ClusterError("CANCELLED", "the client closed the connection before the body ended");
    }
    socket.pause();
    got = Buffer.concat([got, chunk]);
  }
  if (got.length > length) socket.unshift(got.subarray(length));
  return got.subarray(0, length);
}

// Errors to a client that wanted an upgrade. The connection ends after them.
async function writePlain(
  reply: Exclude<Awaited<ReturnType<RestApp["handle"]>>, { kind: "upgrade" }>,
  socket: Duplex,
): Promise<void> {
  const text = reply.kind === "json" ? `${JSON.stringify(reply.body)}\n` : "";
  const status = reply.kind === "stream" ? 500 : reply.status;
  const lines = [
    `HTTP/1.1 ${status} ${status < 400 ? "OK" : "Error"}`,
    ...Object.entries(commonHeaders).map(([name, value]) => `${name}: ${value}`),
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${text}`);
}

async function removeStaleSocket(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (alive) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `socket ${path} is in use by a running daemon; stop it or choose another socket`,
    );
  }
  unlinkSync(path);
}
