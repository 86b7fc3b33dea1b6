import type { AddressInfo } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { splitHostPort } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { contextOptions, type IdentitySource } from "./credentials.ts";

/** For the TLS handshake, milliseconds. */
const handshakeMs = 10_000;

/**
 * The one port of a node: TLS for several protocols, of which the client names one (ALPN, RFC 7301). Client certificates are
 * requested and verified, but not required, since joiners have none. A changed identity counts from the next connection on.
 */
export class TlsListener {
  readonly #server: Server;
  readonly #takers = new Map<string, (socket: TLSSocket) => void>();
  readonly #sockets = new Set<TLSSocket>();
  readonly #unsubscribe: () => void;

  constructor(identity: IdentitySource, log: Logger) {
    this.#server = createServer({
      ...contextOptions(identity.current()),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
      ALPNCallback: ({ protocols }) => protocols.find((name) => this.#takers.has(name)),
    });
    this.#server.on("secureConnection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      socket.on("error", (error) => log.debug({ err: error.message }, "a connection broke"));
      const take = this.#takers.get(String(socket.alpnProtocol));
      if (take === undefined) socket.destroy();
      else take(socket);
    });
    this.#server.on("tlsClientError", (error) => {
      log.debug({ err: error.message }, "a connection failed its handshake");
    });
    this.#unsubscribe = identity.onChange((next) => {
      this.#server.setSecureContext(contextOptions(next));
    });
  }

  /** Connections of that protocol go to `take` from now on; undefined refuses them. */
  handle(protocol: string, take: ((socket: TLSSocket) => void) | undefined): void {
    if (take === undefined) this.#takers.delete(protocol);
    else this.#takers.set(protocol, take);
  }

  /** Listens at "ip:port" (port 0 = any free one) and tells the port. UNAVAILABLE when it is taken. */
  listen(address: string): Promise<number> {
    const { host, port } = splitHostPort(address, 0);
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void => {
        const text = `cannot listen at ${address}: ${errorMessage(error)}`;
        reject(new ClusterError("UNAVAILABLE", text, { cause: error }));
      };
      this.#server.once("error", onError);
      this.#server.listen({ host, port }, () => {
        this.#server.removeListener("error", onError);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Takes no new connections; those that there are stay. */
  close(): void {
    this.#unsubscribe();
    this.#server.close();
  }

  /** Ends all connections. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
