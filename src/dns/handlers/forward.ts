import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import { splitHostPort } from "../../base/ip.ts";
import { type Random, randomInteger } from "../../base/random.ts";
import {
  isResponseTo,
  isTruncated,
  type Query,
  responseCodeOf,
  responseCodes,
  withId,
  writeForwardQuery,
} from "../wire.ts";
import { AnswerCache } from "./cache.ts";

const waitingMax = 1_024;
const upstreamsMax = 3;
const totalMs = 4_000;
const attemptMs = 2_000;
const tcpBytesMax = 65_537;
/** Our own address in every sandbox: asking it would ask ourselves. */
const ownAddress = "127.0.0.11";

/**
 * Asks outside servers. Each question goes out from a fresh socket (a random port) with a random id, and
 * only a packet from the asked address and port with that id and exactly that question is an answer.
 */
export class Forwarder {
  readonly #upstreams: () => readonly string[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #cache: AnswerCache;
  readonly #inFlight = new Map<string, Promise<Buffer>>();
  #waiting = 0;

  constructor(deps: { upstreams: () => readonly string[]; clock: Clock; random: Random }) {
    this.#upstreams = deps.upstreams;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#cache = new AnswerCache(deps.clock);
  }

  /**
   * The response, with the query's id, within 4 s. UNAVAILABLE: no server answered; RESOURCE_EXHAUSTED:
   * 1,024 questions are waiting already.
   */
  async forward(query: Query): Promise<Buffer> {
    const key = query.question.toString("latin1");
    const kept = this.#cache.get(key);
    if (kept !== undefined) return withId(kept, query.id);
    if (this.#waiting >= waitingMax) {
      throw new ClusterError("RESOURCE_EXHAUSTED", `${waitingMax} questions are waiting already`);
    }
    let asking = this.#inFlight.get(key);
    if (asking === undefined) {
      asking = this.#ask(Buffer.from(query.question));
      this.#inFlight.set(key, asking);
      asking.then(
        (packet) => {
          this.#inFlight.delete(key);
          this.#cache.put(key, packet);
        },
        () => this.#inFlight.delete(key),
      );
    }
    this.#waiting += 1;
    try {
      return withId(await asking, query.id);
    } finally {
      this.#waiting -= 1;
    }
  }

  async #ask(question: Buffer): Promise<Buffer> {
    const deadline = this.#clock.monotonic() + totalMs;
    let failure: Buffer | undefined;
    for (const upstream of this.#upstreams().slice(0, upstreamsMax)) {
      const { host, port } = splitHostPort(upstream, 53);
      if (host === ownAddress) continue;
      const leftMs = deadline - this.#clock.monotonic();
      if (leftMs <= 0) break;
      const id = randomInteger(this.#random, 0, 0xffff);
      const attempt = { host, port, id, question, clock: this.#clock };
      try {
        let packet = await askByUdp(attempt, Math.min(leftMs, attemptMs));
        if (isTruncated(packet)) {
          packet = await askByTcp(attempt, Math.max(1, deadline - this.#clock.monotonic()));
        }
        const code = responseCodeOf(packet);
        if (code !== responseCodes.serverFailure && code !== responseCodes.refused) return packet;
        failure = packet;
      } catch {
        // The next server may know.
      }
    }
    if (failure !== undefined) return failure;
    throw new ClusterError("UNAVAILABLE", "no outside name server answered");
  }
}

interface Attempt {
  readonly host: string;
  readonly port: number;
  readonly id: number;
  readonly question: Buffer;
  readonly clock: Clock;
}

function askByUdp(attempt: Attempt, timeoutMs: number): Promise<Buffer> {
  const { host, port, id, question, clock } = attempt;
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const finish = (settle: () => void) => {
      timer.cancel();
      socket.removeAllListeners();
      socket.on("error", () => {});
      socket.close();
      settle();
    };
    const timer = clock.setTimer(timeoutMs, () =>
      finish(() => reject(new ClusterError("DEADLINE_EXCEEDED", `${host} did not answer`))),
    );
    socket.on("error", (error) => finish(() => reject(error)));
    socket.on("message", (packet) => {
      if (isResponseTo(packet, id, question)) finish(() => resolve(packet));
    });
    // Connected: the kernel lets nobody else's packets in.
    socket.on("connect", () => socket.send(writeForwardQuery(id, question)));
    socket.connect(port, host);
  });
}

function askByTcp(attempt: Attempt, timeoutMs: number): Promise<Buffer> {
  const { host, port, id, question, clock } = attempt;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const finish = (settle: () => void) => {
      timer.cancel();
      socket.destroy();
      settle();
    };
    const fail = (why: string) =>
      finish(() => reject(new ClusterError("UNAVAILABLE", `${host}: ${why}`)));
    const timer = clock.setTimer(timeoutMs, () => fail("did not answer"));
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("closed the connection"));
    socket.on("connect", () => socket.write(withLength(writeForwardQuery(id, question))));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > tcpBytesMax) return fail("sent too much");
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const packet = received.subarray(2, 2 + received.readUInt16BE(0));
      if (isResponseTo(packet, id, question)) finish(() => resolve(packet));
      else fail("answered another question");
    });
  });
}

/** A message as it goes over TCP: with its length before it. */
export function withLength(packet: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([length, packet]);
}
