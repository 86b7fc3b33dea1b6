import { ClusterError } from "../../src/base/errors.ts";
import { type Random, randomInteger } from "../../src/base/random.ts";
import type { Message } from "../../src/raft/core/types.ts";
import type { RaftMember, StoredSnapshot } from "../../src/raft/storage/snapshot-store.ts";
import type { RaftTransport, TransportHandler } from "../../src/raft/transport/raft-transport.ts";
import { Senders } from "../../src/raft/transport/senders.ts";
import type { SimProcess, Timeline } from "./sim-timeline.ts";

export interface NetworkQuality {
  readonly loss: number;
  readonly duplicates: number;
  /** Share of messages that take up to `slowMs`, and so overtake nobody and are overtaken. */
  readonly slow: number;
  readonly slowMs: number;
}

export const goodNetwork: NetworkQuality = { loss: 0, duplicates: 0, slow: 0, slowMs: 0 };

interface Attached {
  readonly process: SimProcess;
  readonly handler: TransportHandler;
}

/** Hosts by name, and what goes wrong between them. */
export class SimNetwork {
  quality: NetworkQuality = goodNetwork;
  /** Told of each message that a member sends. */
  onSend: (from: number, message: Message) => void = () => {};
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #count: (event: string) => void;
  readonly #cut = new Set<string>();
  readonly #members = new Map<number, Attached>();

  constructor(timeline: Timeline, random: Random, count: (event: string) => void) {
    this.#timeline = timeline;
    this.#random = random;
    this.#count = count;
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  mend(): void {
    this.#cut.clear();
  }

  get isCut(): boolean {
    return this.#cut.size > 0;
  }

  /** This member never comes back. */
  detach(raftId: number): void {
    this.#members.delete(raftId);
  }

  works(from: string, to: string): boolean {
    return !this.#cut.has(`${from}>${to}`);
  }

  /** How long something takes from one host to another; undefined: it is lost. */
  fate(from: string, to: string): number | undefined {
    const { loss, slow, slowMs } = this.quality;
    if (!this.works(from, to)) return undefined;
    const dice = this.#random.float();
    if (dice < loss) {
      this.#count("message lost");
      return undefined;
    }
    if (dice < loss + slow) {
      this.#count("message delayed");
      return this.#random.float() * slowMs;
    }
    return 0.2 + this.#random.float();
  }

  /** Runs `fn` at the process's host after a journey, or never. */
  carry(from: string, to: SimProcess, label: string, fn: () => void): void {
    const delayMs = this.fate(from, to.name);
    if (delayMs === undefined) return;
    this.#timeline.plan(delayMs, to, label, () => {
      if (this.works(from, to.name)) fn();
    });
  }

  /** A request and its answer. UNAVAILABLE without `sent: "no"` after `timeoutMs`: it may have been done. */
  call<T>(from: SimProcess, to: SimProcess, timeoutMs: number, fn: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#timeline.plan(timeoutMs, from, "call timed out", () =>
        reject(new ClusterError("UNAVAILABLE", "no answer in time")),
      );
      const answer = (settle: () => void): void =>
        this.carry(to.name, from, "answer", () => {
          cancel();
          settle();
        });
      this.carry(from.name, to, "request", () => {
        fn().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error)),
        );
      });
    });
  }

  /** The transport of a raft member for one life of its process. */
  transport(
    raftId: number,
    process: SimProcess,
    isRemoved: (raftId: number) => boolean,
  ): RaftTransport {
    let members = new Set<number>();
    let own: TransportHandler | undefined;
    const senders = new Senders(isRemoved);
    // As over gRPC: leaders that are not known yet get their answers over their own streams.
    const unknownLeaders = new Set<number>();
    const isAdmitted = (message: Message): boolean => {
      try {
        senders.check(hostOf(message.from), message);
      } catch {
        this.#count("stranger refused");
        return false;
      }
      if (!members.has(message.from)) {
        this.#count("unknown leader heard");
        unknownLeaders.add(message.from);
      }
      return true;
    };
    return {
      start: (handler) => {
        own = handler;
        this.#members.set(raftId, {
          process,
          handler: {
            unreachable: handler.unreachable,
            receive: (message) => {
              if (isAdmitted(message)) handler.receive(message);
            },
            receiveSnapshot: async (message, snapshot, chunks) => {
              if (isAdmitted(message)) await handler.receiveSnapshot(message, snapshot, chunks);
              else throw new ClusterError("PERMISSION_DENIED", "not a member");
            },
          },
        });
      },
      setMembers: (all: readonly RaftMember[]) => {
        members = new Set(all.map((member) => member.raftId));
        senders.setMembers(all);
      },
      send: (message) => {
        if (!process.isAlive) return;
        if (!members.has(message.to) && !unknownLeaders.has(message.to)) return;
        this.onSend(raftId, message);
        this.#send(process, message, own);
      },
      sendSnapshot: async (message, snapshot, read) => {
        if (!process.isAlive) return await new Promise<never>(() => {});
        this.onSend(raftId, message);
        await this.#sendSnapshot(process, message, snapshot, read());
      },
      reachable: (other) => this.#isReachable(process, other),
      stop: async () => {
        if (this.#members.get(raftId)?.process === process) this.#members.delete(raftId);
      },
    };
  }

  #isReachable(process: SimProcess, raftId: number): boolean {
    const other = this.#members.get(raftId)?.process;
    if (other?.isAlive !== true) return false;
    return this.works(process.name, other.name) && this.works(other.name, process.name);
  }

  #send(process: SimProcess, message: Message, own: TransportHandler | undefined): void {
    const copies = this.#random.float() < this.quality.duplicates ? 2 : 1;
    if (copies === 2) this.#count("message duplicated");
    for (let copy = 0; copy < copies; copy += 1) {
      const receiver = this.#members.get(message.to);
      if (receiver?.process.isAlive !== true || !this.works(process.name, receiver.process.name)) {
        if (copy === 0 && this.#random.float() < 0.3) {
          // A host that can be reached refuses connections to a process that is gone.
          const isGone =
            receiver?.process.isAlive !== true && this.works(process.name, hostOf(message.to));
          this.#timeline.plan(1, process, "unreachable", () =>
            own?.unreachable(message.to, isGone),
          );
        }
        return;
      }
      this.carry(process.name, receiver.process, message.type, () =>
        receiver.handler.receive(message),
      );
    }
  }

  /** A stream: it arrives whole or breaks. */
  async #sendSnapshot(
    process: SimProcess,
    message: Message,
    snapshot: StoredSnapshot,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const copy: Uint8Array[] = [];
    for await (const chunk of chunks) copy.push(chunk);
    const receiver = this.#members.get(message.to);
    if (receiver?.process.isAlive !== true) {
      throw new ClusterError("UNAVAILABLE", `raft member ${message.to} cannot be reached`);
    }
    this.#count("snapshot sent");
    const timeoutMs = randomInteger(this.#random, 500, 3_000);
    await this.call(process, receiver.process, timeoutMs, () =>
      receiver.handler.receiveSnapshot(message, snapshot, again(copy)),
    );
    this.#count("snapshot taken");
  }
}

/** The name, and node id, of the host of a member. */
export function hostOf(raftId: number): string {
  return `m${raftId}`;
}

async function* again(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* chunks;
}
