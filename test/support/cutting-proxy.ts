import { connect, createServer, type Server, type Socket } from "node:net";
import { must } from "../../src/base/assert.ts";

/** A TCP proxy on loopback that cuts its connections: each of `cuts` is how many bytes one lets through. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #cuts: number[];
  readonly #sockets = new Set<Socket>();
  connections = 0;
  /** Bytes that went to the target. */
  forwardedBytes = 0;
  /** Reads of what came back from it. */
  piecesBack = 0;

  private constructor(targetPort: number, cuts: readonly number[]) {
    this.#cuts = [...cuts];
    this.#server = createServer((client) => this.#serve(client, targetPort));
  }

  static async open(targetPort: number, cuts: readonly number[]): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(targetPort, cuts);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" ? must(address, "address").port : ""}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #serve(client: Socket, targetPort: number): void {
    this.connections += 1;
    let left = this.#cuts.shift() ?? Number.POSITIVE_INFINITY;
    const target = connect(targetPort, "127.0.0.1");
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    target.on("data", () => {
      this.piecesBack += 1;
    });
    target.pipe(client);
    client.on("data", (bytes) => {
      left -= bytes.length;
      this.forwardedBytes += bytes.length;
      if (left < 0) client.destroy();
      else target.write(bytes);
    });
  }
}
