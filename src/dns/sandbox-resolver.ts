import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { createServer, type Server, type Socket as TcpSocket } from "node:net";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { bindInNamespace } from "../base/namespace-socket.ts";
import { type Forwarder, withLength } from "./handlers/forward.ts";
import { resolveLocally, resolveOutside } from "./handlers/resolve.ts";
import {
  type Query,
  readQuery,
  responseCodes,
  withId,
  writeAnswer,
  writeError,
  writeFormatError,
} from "./wire.ts";
import type { Zone } from "./zone.ts";

const address = "127.0.0.11";
const port = 53;
const connectionsMax = 64;
const connectionIdleMs = 10_000;
const queryBytesMax = 4_096;
const tcpAnswerBytesMax = 65_535;
/** Less than the forwarder's limit: one sandbox cannot take it all. */
const outsideMax = 256;
const answersKeptMax = 256;
const keptQueryBytesMax = 300;

/** The resolver of one sandbox. */
export class SandboxResolver {
  readonly #deps: {
    readonly zone: () => Zone;
    readonly forwarder: Forwarder;
    readonly log: Logger;
    readonly clock: Clock;
  };
  readonly #connections = new Set<TcpSocket>();
  /** Written answers of the present zone by the query's bytes without its id. */
  readonly #kept = new Map<string, Buffer>();
  #keptZone: Zone | undefined;
  #udp: Socket | undefined;
  #tcp: Server | undefined;
  #turn = 0;
  #outsideCount = 0;

  constructor(deps: { zone: () => Zone; forwarder: Forwarder; log: Logger; clock: Clock }) {
    this.#deps = deps;
  }

  async listen(namespacePath: string): Promise<void> {
    const udp = createSocket("udp4");
    this.#udp = udp;
    udp.on("message", (packet, peer) => this.#onDatagram(udp, packet, peer));
    const udpFd = bindInNamespace(namespacePath, "udp", address, port);
    await settled(udp, "listening", () => udp.bind({ fd: udpFd }));
    udp.on("error", (err) => this.#deps.log.warn({ err }, "a sandbox's resolver failed"));
    const tcp = createServer((socket) => this.#onConnection(socket));
    tcp.maxConnections = connectionsMax;
    this.#tcp = tcp;
    const tcpFd = bindInNamespace(namespacePath, "tcp", address, port);
    await settled(tcp, "listening", () => tcp.listen({ fd: tcpFd }));
    tcp.on("error", (err) => this.#deps.log.warn({ err }, "a sandbox's resolver failed"));
  }

  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = undefined;
    this.#tcp = undefined;
    await Promise.all([
      udp === undefined ? undefined : new Promise<void>((resolve) => udp.close(() => resolve())),
      tcp?.listening === true
        ? new Promise<void>((resolve) => tcp.close(() => resolve()))
        : undefined,
    ]);
  }

  #onDatagram(socket: Socket, packet: Buffer, peer: RemoteInfo): void {
    const reply = (answer: Buffer) => {
      // Errors of one answer (the asker is gone) are nobody's concern.
      if (this.#udp === socket) socket.send(answer, peer.port, peer.address, () => {});
    };
    const zone = this.#zone();
    if (zone === undefined) return;
    const kept = this.#keptAnswer(packet, zone);
    if (kept !== undefined) {
      reply(kept);
      return;
    }
    const query = readQuery(packet);
    if (query === undefined) {
      const error = writeFormatError(packet);
      if (error !== undefined) reply(error);
      return;
    }
    const local = this.#resolve(query, zone, query.udpBytes);
    if (local !== undefined) {
      if (local.repeatable) this.#keep(packet, local.packet);
      reply(local.packet);
      return;
    }
    void this.#outside(query).then((answer) =>
      reply(answer.length <= query.udpBytes ? answer : truncated(query)),
    );
  }

  #onConnection(socket: TcpSocket): void {
    this.#connections.add(socket);
    let received = Buffer.alloc(0);
    let busy = false;
    socket.setTimeout(connectionIdleMs, () => socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => this.#connections.delete(socket));
    // One question at a time: a connection cannot queue up more than its buffer.
    const next = async () => {
      while (!busy && received.length >= 2) {
        const length = received.readUInt16BE(0);
        if (length > queryBytesMax) {
          socket.destroy();
          return;
        }
        if (received.length < 2 + length) return;
        const packet = received.subarray(2, 2 + length);
        received = received.subarray(2 + length);
        busy = true;
        socket.pause();
        const answer = await this.#answerStream(packet);
        busy = false;
        if (answer === undefined || socket.destroyed) {
          socket.destroy();
          return;
        }
        socket.write(withLength(answer));
        socket.resume();
      }
    };
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      void next();
    });
  }

  async #answerStream(packet: Buffer): Promise<Buffer | undefined> {
    const zone = this.#zone();
    const query = readQuery(packet);
    if (zone === undefined) return undefined;
    if (query === undefined) return writeFormatError(packet);
    return this.#resolve(query, zone, tcpAnswerBytesMax)?.packet ?? (await this.#outside(query));
  }

  #resolve(query: Query, zone: Zone, bytesMax: number) {
    this.#turn = (this.#turn + 1) >>> 0;
    return resolveLocally(query, zone, this.#turn, bytesMax);
  }

  async #outside(query: Query): Promise<Buffer> {
    if (this.#outsideCount >= outsideMax) return writeError(query, responseCodes.serverFailure);
    this.#outsideCount += 1;
    try {
      return await resolveOutside(query, this.#deps.forwarder, this.#deps.log);
    } finally {
      this.#outsideCount -= 1;
    }
  }

  // A zone that cannot be built must not end the daemon; the asker asks again.
  #zone(): Zone | undefined {
    try {
      return this.#deps.zone();
    } catch (err) {
      this.#deps.log.error({ err }, "cannot build a sandbox's names");
      return undefined;
    }
  }

  #keptAnswer(packet: Buffer, zone: Zone): Buffer | undefined {
    if (zone !== this.#keptZone) {
      this.#kept.clear();
      this.#keptZone = zone;
    }
    if (packet.length < 12 || packet.length > keptQueryBytesMax) return undefined;
    const kept = this.#kept.get(packet.toString("latin1", 2));
    return kept === undefined ? undefined : withId(kept, packet.readUInt16BE(0));
  }

  #keep(packet: Buffer, answer: Buffer): void {
    if (packet.length > keptQueryBytesMax || this.#kept.size >= answersKeptMax) return;
    this.#kept.set(packet.toString("latin1", 2), answer);
  }
}

function truncated(query: Query): Buffer {
  // No room at all: nothing but the question and the mark.
  return writeAnswer(query, { code: 0, records: [], ttlSeconds: 0 }, 0);
}

interface Startable {
  once(event: string, listener: (error: Error) => void): unknown;
  removeListener(event: string, listener: (error: Error) => void): unknown;
}

function settled(target: Startable, event: string, start: () => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      target.removeListener(event, onReady);
      reject(error);
    };
    const onReady = () => {
      target.removeListener("error", onError);
      resolve();
    };
    target.once("error", onError);
    target.once(event, onReady);
    start();
  });
}
