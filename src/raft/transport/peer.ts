import { Backoff } from "../../base/backoff.ts";
import { BoundedQueue } from "../../base/bounded-queue.ts";
import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import { errorMessage, isClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { Link, LinkEvents } from "../../rpc/link.ts";
import type { Message } from "../core/types.ts";
import { decodeMessage, encodeMessage } from "./message-codec.ts";
import { raftProtocol } from "./raft-service.ts";

/** Messages that wait for a peer; the oldest is lost beyond that, as raft sends again. */
const queuedMax = 4_096;
/** How long news of the commit index waits for entries to travel with: under load it never goes alone. */
const commitNewsMs = 20;

type PeerLink = Pick<Link, "isFull" | "send" | "close">;

export interface PeerDeps {
  /** As of a ChannelPool. */
  readonly channels: {
    link(address: string, protocol: string, events: LinkEvents): PeerLink;
  };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called when the peer says that this node does not belong to the cluster any more, with its reason. */
  readonly onRefused?: ((reason: string) => void) | undefined;
  /** Called when messages to the peer were lost; `isGone`: its host refuses connections to its port. */
  readonly onUnreachable: (isGone: boolean) => void;
  /** Called with what the peer says on the link that was opened to it: answers to a leader that it cannot dial. */
  readonly onAnswer: (message: Message) => void;
}

/** The outgoing link to one peer, opened again with back-off whenever it breaks. */
export class Peer {
  readonly address: string;
  readonly #deps: PeerDeps;
  readonly #queue = new BoundedQueue<Message>({ itemsMax: queuedMax, onFull: "drop-oldest" });
  readonly #abort = new AbortController();
  readonly #backoff: Backoff;
  #link: PeerLink | undefined;
  /** An append without entries, which the next append makes superfluous. */
  #news: { readonly message: Message; readonly sinceMs: number } | undefined;
  #newsTimer: Timer | undefined;
  #waiting = false;
  #connected = false;

  constructor(address: string, deps: PeerDeps) {
    this.address = address;
    this.#deps = deps;
    this.#backoff = new Backoff({ initialMs: 50, maxMs: 1_000, random: deps.random });
    this.#connect();
  }

  /** Whether the peer has taken the link that is open now. */
  get connected(): boolean {
    return this.#connected;
  }

  send(message: Message): void {
    if (message.type === "MsgApp") {
      this.#news = undefined;
      if (message.entries.length === 0) {
        this.#news = { message, sinceMs: this.#deps.clock.monotonic() };
        if (this.#newsTimer === undefined) this.#sendNewsIn(commitNewsMs);
        return;
      }
    }
    this.#enqueue(message);
  }

  // One timer for a run of news, each of which would have a later time: cheaper than a timer each.
  #sendNewsIn(delayMs: number): void {
    const { clock } = this.#deps;
    this.#newsTimer = clock.setTimer(delayMs, () => {
      this.#newsTimer = undefined;
      if (this.#news === undefined) return;
      const restMs = this.#news.sinceMs + commitNewsMs - clock.monotonic();
      if (restMs >= 1) {
        this.#sendNewsIn(restMs);
        return;
      }
      const { message } = this.#news;
      this.#news = undefined;
      this.#enqueue(message);
    });
  }

  #enqueue(message: Message): void {
    this.#queue.push(message);
    if (!this.#connected && this.#queue.size === queuedMax) this.#deps.onUnreachable(false);
    this.#pump();
  }

  stop(): void {
    this.#abort.abort();
    this.#newsTimer?.cancel();
    this.#queue.close();
    this.#link?.close();
    this.#link = undefined;
  }

  #connect(): void {
    try {
      this.#link = this.#deps.channels.link(this.address, raftProtocol, {
        onOpen: () => {
          this.#connected = true;
          this.#backoff.reset();
        },
        onMessage: (bytes) => this.#deps.onAnswer(decodeMessage(bytes)),
        onDrain: () => this.#pump(),
        onEnd: (reason) => {
          this.#link = undefined;
          void this.#broken(reason);
        },
      });
      this.#pump();
    } catch (error) {
      void this.#broken(error);
    }
  }

  #pump(): void {
    while (this.#link !== undefined && !this.#link.isFull) {
      const [message] = this.#queue.drain(1);
      if (message === undefined) return;
      this.#link.send(encodeMessage(message));
    }
  }

  async #broken(reason: unknown): Promise<void> {
    const wasConnected = this.#connected;
    this.#connected = false;
    if (this.#abort.signal.aborted || this.#waiting) return;
    const { clock, log, onUnreachable, onRefused } = this.#deps;
    if (isClusterError(reason, "PERMISSION_DENIED") && reason.details["refused"] === "node") {
      onRefused?.(reason.message);
    }
    const fields = { address: this.address, reason: errorMessage(reason ?? "closed by the peer") };
    if (wasConnected) log.info(fields, "raft peer disconnected");
    else log.debug(fields, "raft peer not reachable");
    onUnreachable(isClusterError(reason) && reason.message.includes("ECONNREFUSED"));
    this.#waiting = true;
    try {
      await sleep(clock, this.#backoff.nextMs(), this.#abort.signal);
    } catch {
      return; // stopped
    } finally {
      this.#waiting = false;
    }
    // What has waited so long is of no use to raft, which sends again.
    this.#queue.drain();
    this.#connect();
  }
}
