import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../base/clock.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { encodeFrame, type FrameKind, FrameReader } from "./frames.ts";
import { errorFromJson, errorToJson } from "./status.ts";

/** What a link tells. */
export interface LinkEvents {
  /** The other side has taken the link. */
  readonly onOpen: () => void;
  /** What it throws is told to the other side, and ends the link. */
  readonly onMessage: (bytes: Buffer) => void;
  /** There is room again after `isFull`. */
  readonly onDrain: () => void;
  /** It is over, by what the other side said or by what happened to the connection; once, and not after `close`. */
  readonly onEnd: (reason: ClusterError) => void;
}

/** What a link needs of a TLSSocket. */
export type LinkSocket = Duplex & { setNoDelay(on: boolean): unknown; destroySoon(): void };

export interface LinkOptions {
  /** Connected or still connecting. */
  readonly socket: LinkSocket;
  /** Whose address it is, for errors. */
  readonly address: string;
  /** The side that asks whether the other one is there; that one answers. */
  readonly asks: boolean;
  readonly clock: Clock;
}

/** How often the asking side asks, milliseconds. */
const askMs = 2_000;
/** So many such times in a row without a sign of the other side end the link; the answering side is more patient. */
const silencesMax = { asking: 2, answering: 5 } as const;
/** For the last frame to leave, milliseconds. */
const lingerMs = 1_000;
const empty = new Uint8Array(0);

/**
 * Messages in both directions over one TLS connection, in order, each whole or not at all. For what is sent often and
 * must be quick: a message costs a third of what it does as one of a gRPC stream. Whoever sends looks at `isFull`.
 */
export class Link {
  readonly #socket: LinkSocket;
  readonly #address: string;
  readonly #clock: Clock;
  readonly #silencesMax: number;
  readonly #asks: boolean;
  readonly #events: LinkEvents;
  readonly #frames = new FrameReader();
  #timer: Timer | undefined;
  #silences = 0;
  #isOpen = false;
  #isOver = false;

  constructor({ socket, address, asks, clock }: LinkOptions, events: LinkEvents) {
    this.#socket = socket;
    this.#address = address;
    this.#clock = clock;
    this.#asks = asks;
    this.#silencesMax = asks ? silencesMax.asking : silencesMax.answering;
    this.#events = events;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("drain", () => {
      if (!this.#isOver) events.onDrain();
    });
    socket.on("error", (error) => this.#end(this.#unavailable(errorMessage(error))));
    socket.on("close", () => this.#end(this.#unavailable("the other side closed the connection")));
    this.#watch();
  }

  /** What is sent waits in this process: the connection takes no more at the moment. */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Tells the asking side that the link is taken. */
  open(): void {
    this.#write("pong", empty);
  }

  /** Without a promise that it arrives. */
  send(bytes: Uint8Array): void {
    if (!this.#isOver) this.#write("message", bytes);
  }

  /** Ends it; the other side is told the reason, an internal one only as such. */
  close(reason?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    if (reason !== undefined) this.#write("end", Buffer.from(errorToJson(reason)));
    this.#socket.destroySoon();
    const timer = this.#clock.setTimer(lingerMs, () => this.#socket.destroy());
    this.#socket.once("close", () => timer.cancel());
  }

  #write(kind: FrameKind, payload: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(encodeFrame(kind, payload));
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#silences = 0;
    try {
      this.#frames.take(chunk, (kind, payload) => this.#hear(kind, payload));
    } catch (error) {
      this.close(error);
      this.#events.onEnd(
        error instanceof ClusterError ? error : this.#unavailable(errorMessage(error)),
      );
    }
  }

  #hear(kind: FrameKind, payload: Buffer): void {
    if (this.#isOver) return;
    if (kind === "end") {
      this.#end(errorFromJson(payload.toString()));
      return;
    }
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#events.onOpen();
    }
    if (kind === "message") this.#events.onMessage(payload);
    else if (kind === "ping") this.#write("pong", empty);
  }

  // A host that has gone says nothing; TCP alone would notice after many minutes.
  #watch(): void {
    this.#timer = this.#clock.setTimer(askMs, () => {
      this.#silences += 1;
      if (this.#silences > this.#silencesMax) {
        this.#end(this.#unavailable("nothing was heard for too long"));
        return;
      }
      if (this.#asks) this.#write("ping", empty);
      this.#watch();
    });
  }

  #end(reason: ClusterError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#socket.destroy();
    this.#events.onEnd(reason);
  }

  #unavailable(why: string): ClusterError {
    return new ClusterError("UNAVAILABLE", `${this.#address}: ${why}`);
  }
}
