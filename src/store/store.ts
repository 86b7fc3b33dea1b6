import type { Clock } from "../base/clock.ts";
import { isClusterError } from "../base/errors.ts";
import { KeyedMutex } from "../base/keyed-mutex.ts";
import type { Logger } from "../base/log.ts";
import { noStopwatch, type Stopwatch } from "../base/meter.ts";
import type { StoreEvent } from "./objects.ts";
import { StoreStateMachine } from "./state-machine.ts";
import { encodeEntry, type StoreChange } from "./store-entry.ts";
import type { StoreView, Transaction } from "./store-view.ts";
import { OverlayTransaction } from "./transaction.ts";

const attemptsMax = 5;
/** Where `batch` starts a new proposal: that many are put together, or applied, well within 10 ms. */
export const batchActionsMax = 50;
const batchBytesMax = 1024 * 1024;

/** What the store hands its entries to: raft, seen from here. */
export interface Proposer {
  /** Settles with what apply gave or threw for this entry, once it is applied here. NOT_LEADER, UNAVAILABLE, RESOURCE_EXHAUSTED. */
  propose(data: Uint8Array): Promise<unknown>;
}

export interface StoreDeps {
  readonly proposer: Proposer;
  readonly clock: Pick<Clock, "now">;
  readonly log: Logger;
  /** Told how long writes take. */
  readonly stopwatch?: Stopwatch;
}

/** Called synchronously after each applied entry; must not throw. */
export type StoreListener = (events: readonly StoreEvent[], index: number) => void;

type Change = (tx: Transaction) => void;

/** The cluster's state in memory, and the only way to change it. */
export class Store {
  /** Given to raft. */
  readonly stateMachine: StoreStateMachine;
  readonly #deps: StoreDeps;
  readonly #listeners = new Set<StoreListener>();
  readonly #resetListeners = new Set<() => void>();
  readonly #redoing = new KeyedMutex();

  constructor(deps: StoreDeps) {
    this.#deps = deps;
    this.stateMachine = new StoreStateMachine({
      onEvents: (events, index) => this.#tell(this.#listeners, (fn) => fn(events, index)),
      onReset: () => this.#tell(this.#resetListeners, (fn) => fn()),
    });
  }

  /** The state as of now; cheap. Do not keep it over an await. */
  view(): StoreView {
    return this.stateMachine.view();
  }

  /** A transaction on the state of now, for `commit`. Do not keep it over an await. */
  begin(): Transaction & { readonly changes: OverlayTransaction["changes"] } {
    return new OverlayTransaction(this.stateMachine.tables, this.stateMachine.index);
  }

  /**
   * Proposes what the transaction changed as one entry, all or nothing; no change, no proposal. Resolves once it is applied here.
   * OUT_OF_DATE or ALREADY_EXISTS when another entry came first; and what the proposer throws.
   */
  async commit(tx: Pick<OverlayTransaction, "changes">): Promise<void> {
    const changes = tx.changes();
    if (changes.length === 0) return;
    await this.#propose(this.#encode(changes));
  }

  /**
   * Runs `change` on a transaction and commits it as one entry. `change` must be pure: when another entry came first it is run again
   * on the new state, up to 5 times in all. Throws what `change` throws, and what `commit` does.
   */
  async update<T>(change: (tx: Transaction) => T): Promise<T> {
    const first = await this.#attempt(change);
    if (first.done) return first.result;
    // Those who lost once go one after another, so that they do not defeat each other again.
    return await this.#redoing.run("redo", async () => {
      for (let attempt = 2; ; attempt += 1) {
        const next = await this.#attempt(change);
        if (next.done) return next.result;
        if (attempt === attemptsMax) throw next.error;
      }
    });
  }

  /**
   * Makes many small changes in few entries: up to 50 objects or 1 MiB in each. Not atomic: after an error, entries that were
   * committed before stay. Conflicts with other writers are redone as `update` does.
   */
  async batch(changes: Iterable<Change>): Promise<void> {
    const end = this.#deps.stopwatch?.start("swarm_store_batch_latency_seconds");
    let group: Change[] = [];
    let tx = this.begin();
    for (const change of changes) {
      change(tx);
      group.push(change);
      if (tx.actionCount < batchActionsMax) continue;
      await this.#commitGroup(group, tx);
      group = [];
      tx = this.begin();
    }
    await this.#commitGroup(group, tx);
    end?.();
  }

  /** Hears of every change from now on; gives the way to stop. */
  subscribe(listener: StoreListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Hears when the whole state was replaced (a snapshot was restored), before the events of its objects. */
  onReset(listener: () => void): () => void {
    this.#resetListeners.add(listener);
    return () => void this.#resetListeners.delete(listener);
  }

  async #attempt<T>(
    change: (tx: Transaction) => T,
  ): Promise<{ done: true; result: T } | { done: false; error: unknown }> {
    const tx = this.begin();
    const result = change(tx);
    try {
      await this.commit(tx);
      return { done: true, result };
    } catch (error) {
      if (!isConflict(error)) throw error;
      this.#deps.log.debug({ err: error }, "another entry came first, doing the change again");
      return { done: false, error };
    }
  }

  async #commitGroup(
    group: readonly Change[],
    tx: Pick<OverlayTransaction, "changes">,
  ): Promise<void> {
    const changes = tx.changes();
    if (changes.length === 0) return;
    const data = this.#encode(changes);
    if (data.length > batchBytesMax && group.length > 1) {
      const middle = Math.ceil(group.length / 2);
      for (const half of [group.slice(0, middle), group.slice(middle)]) {
        const halfTx = this.begin();
        for (const change of half) change(halfTx);
        await this.#commitGroup(half, halfTx);
      }
      return;
    }
    try {
      await this.#propose(data);
    } catch (error) {
      if (!isConflict(error)) throw error;
      await this.update((redo) => {
        for (const change of group) change(redo);
      });
    }
  }

  async #propose(data: Buffer): Promise<void> {
    const { stopwatch = noStopwatch, proposer } = this.#deps;
    await stopwatch.time("swarm_store_write_tx_latency_seconds", () => proposer.propose(data));
  }

  #encode(changes: readonly StoreChange[]): Buffer {
    return encodeEntry(changes, this.#deps.clock.now(), this.stateMachine.codec);
  }

  #tell<L>(listeners: ReadonlySet<L>, call: (listener: L) => void): void {
    for (const listener of [...listeners]) {
      try {
        call(listener);
      } catch (error) {
        // The state has changed already; one broken listener must not keep the others from hearing of it.
        this.#deps.log.error({ err: error }, "a listener of the store failed");
      }
    }
  }
}

/** Whether a change failed only because another one came first: decide again on the new state. */
export function isConflict(error: unknown): boolean {
  return isClusterError(error, "OUT_OF_DATE", "ALREADY_EXISTS");
}
