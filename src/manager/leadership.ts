import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Peer } from "../gen/skep/Peer.ts";
import type { Store } from "../store/store.ts";
import type { Transaction } from "../store/store-view.ts";
import type { NewCluster } from "./cluster-init.ts";
import { Dispatcher } from "./dispatcher/dispatcher.ts";
import { startLeaderLoops } from "./leader-loops.ts";
import { LogBroker } from "./log-broker.ts";
import type { RaftControl } from "./raft-control.ts";

const retryMs = { initialMs: 100, maxMs: 1_000 };

export interface LeadershipDeps {
  readonly nodeId: string;
  readonly store: Store;
  readonly raft: RaftControl;
  /** The objects of a new cluster, made when they are not there yet. */
  readonly bootstrap: Pick<NewCluster, "cluster" | "node"> | undefined;
  /** Done to the state before anything else, the first time this member leads. */
  readonly takeOver: ((tx: Transaction) => void) | undefined;
  readonly peers: () => readonly Peer[];
  /** Called each time the leader's work has begun. */
  readonly onLeading: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface LeaderParts {
  readonly dispatcher: Dispatcher;
  readonly logBroker: LogBroker;
  readonly loops: { stop(): Promise<void> };
}

/** Starts the leader's work when this member becomes leader, and stops it when it no longer is. One change after another. */
export class Leadership {
  readonly #deps: LeadershipDeps;
  readonly #log: Logger;
  #unsubscribe: (() => void)[] = [];
  #isWanted = false;
  #term = 0;
  #changed = new AbortController();
  #parts: LeaderParts | undefined;
  #isPrepared = false;
  #tail: Promise<void> = Promise.resolve();
  #takeOver: ((tx: Transaction) => void) | undefined;

  constructor(deps: LeadershipDeps) {
    this.#deps = deps;
    this.#takeOver = deps.takeOver;
    this.#log = deps.log.child({ module: "leadership" });
  }

  /** Whether the leader's work is being done here. */
  get isLeading(): boolean {
    return this.#isWanted && this.#parts !== undefined;
  }

  /** Whether the state may be asked and changed here, for which the leader's loops need not run yet: what lets writes through again. */
  get servesState(): boolean {
    return this.#isWanted && this.#isPrepared;
  }

  get dispatcher(): Dispatcher | undefined {
    return this.isLeading ? this.#parts?.dispatcher : undefined;
  }

  get logBroker(): LogBroker | undefined {
    return this.isLeading ? this.#parts?.logBroker : undefined;
  }

  start(): void {
    const { raft } = this.#deps;
    this.#unsubscribe = [
      raft.onLeadership(({ isLeader, term }) => this.#want(isLeader, term)),
      raft.onMembers(() => this.#parts?.dispatcher.peersChanged()),
    ];
    const { isLeader, term } = raft.status();
    this.#want(isLeader, term);
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#want(false, 0);
    await this.#tail;
  }

  #want(isLeader: boolean, term: number): void {
    if (isLeader === this.#isWanted && (!isLeader || term === this.#term)) return;
    this.#isWanted = isLeader;
    this.#term = term;
    this.#changed.abort();
    this.#changed = new AbortController();
    this.#tail = this.#tail.then(() => this.#change(term));
  }

  async #change(term: number): Promise<void> {
    await this.#resign();
    const { clock, random } = this.#deps;
    const backoff = new Backoff({ ...retryMs, random });
    while (this.#isWanted && this.#term === term) {
      try {
        await this.#begin(term);
        return;
      } catch (error) {
        // Losing the leadership again is no fault; without a quorum it is tried until raft steps down.
        this.#log.info({ err: error, term }, "the leader's work could not begin yet");
        await this.#resign();
        await sleep(clock, backoff.nextMs(), this.#changed.signal).catch(() => {});
      }
    }
  }

  async #begin(term: number): Promise<void> {
    this.#log.info({ term }, "this manager leads");
    await this.#bootstrap();
    this.#isPrepared = true;
    const { store, clock, random } = this.#deps;
    const dispatcher = new Dispatcher(this.#deps);
    try {
      await dispatcher.start();
    } catch (error) {
      await dispatcher.stop();
      throw error;
    }
    this.#parts = {
      dispatcher,
      logBroker: new LogBroker({ store, clock, random }),
      loops: startLeaderLoops(this.#deps),
    };
    this.#deps.onLeading();
  }

  async #resign(): Promise<void> {
    this.#isPrepared = false;
    const parts = this.#parts;
    if (parts === undefined) return;
    this.#parts = undefined;
    parts.logBroker.stop();
    await Promise.all([parts.dispatcher.stop(), parts.loops.stop()]);
    this.#log.info({}, "this manager no longer leads");
  }

  async #bootstrap(): Promise<void> {
    const { bootstrap, store } = this.#deps;
    if (this.#takeOver !== undefined) await store.update(this.#takeOver);
    this.#takeOver = undefined;
    if (bootstrap === undefined) return;
    await store.update((tx) => {
      if (tx.cluster() !== undefined) return;
      tx.create("cluster", bootstrap.cluster);
      tx.create("node", bootstrap.node);
    });
  }
}
