import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep, type Timer } from "../base/clock.ts";
import { isClusterError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { StoreEvent } from "./objects.ts";
import { batchActionsMax, isConflict, type Store } from "./store.ts";
import type { StoreView, Transaction } from "./store-view.ts";

/** No synchronous stretch of the daemon may be longer than 10 ms. */
const sliceMs = 6;
const conflictsBeforeAlone = 3;
const conflictsBeforePause = 10;
const retryMs = { initialMs: 100, maxMs: 5_000 };

/** What one reconciling decides for one key. */
export interface Decision {
  /** Made in order, in one entry with those of other keys; more than 50 go in several. */
  readonly changes: readonly ((tx: Transaction) => void)[];
  /** Decide again at this time (wall clock, ms) though nothing changes. */
  readonly wakeAtMs?: number;
}

/** A pure decider over parts ("keys") of the state. Deciding again after its own changes must change nothing. */
export interface Reconciler {
  readonly name: string;
  /** The keys that an event may concern. */
  keysOf(event: StoreEvent, view: StoreView): Iterable<string>;
  allKeys(view: StoreView): Iterable<string>;
  /** `view` shows the changes of keys decided before it, also when they are not committed yet. */
  reconcile(
    view: StoreView,
    key: string,
    context: { readonly nowMs: number; newId(): string },
  ): Decision;
}

export interface ReconcileLoopDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long changes are collected before deciding; 0. */
  readonly debounceMs?: number;
}

/**
 * The one imperative shell of all reconcilers: events mark keys dirty; each dirty key is decided on the newest state and committed;
 * when another writer came first it is decided again. Yields to other work at least every few milliseconds.
 */
export class ReconcileLoop {
  readonly #reconciler: Reconciler;
  readonly #deps: ReconcileLoopDeps;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  readonly #wakes = new Map<string, Timer>();
  readonly #keyBackoffs = new Map<string, Backoff>();
  #dirty = new Set<string>();
  /** How many of the first dirty keys must be committed one by one, to find out which one is at fault. */
  #alone = 0;
  #conflicts = 0;
  #timer: Timer | undefined;
  #pass: Promise<void> | undefined;
  #unsubscribe: readonly (() => void)[] = [];

  constructor(reconciler: Reconciler, deps: ReconcileLoopDeps) {
    this.#reconciler = reconciler;
    this.#deps = deps;
    this.#backoff = new Backoff({ ...retryMs, random: deps.random });
  }

  /** Begins with every key dirty. */
  start(): void {
    const { store } = this.#deps;
    this.#unsubscribe = [
      store.subscribe((events) => this.#markEvents(events)),
      store.onReset(() => this.#dirty.clear()), // each object comes again as an event
    ];
    this.#markKeys(this.#reconciler.allKeys(store.view()));
  }

  /** Resolves when the decision in work, if any, is committed or given up. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#timer?.cancel();
    for (const timer of this.#wakes.values()) timer.cancel();
    this.#wakes.clear();
    await this.#pass;
  }

  #markEvents(events: readonly StoreEvent[]): void {
    const view = this.#deps.store.view();
    for (const event of events) this.#markKeys(this.#reconciler.keysOf(event, view));
  }

  #markKeys(keys: Iterable<string>): void {
    for (const key of keys) this.#dirty.add(key);
    this.#schedule(this.#deps.debounceMs ?? 0);
  }

  #schedule(delayMs: number): void {
    if (this.#stopping.signal.aborted || this.#dirty.size === 0) return;
    if (this.#timer !== undefined || this.#pass !== undefined) return;
    this.#timer = this.#deps.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#pass = this.#run().finally(() => {
        this.#pass = undefined;
        this.#schedule(this.#deps.debounceMs ?? 0);
      });
    });
  }

  async #run(): Promise<void> {
    while (this.#dirty.size > 0 && !this.#stopping.signal.aborted) {
      const inWork = new Set<string>();
      try {
        await this.#slice(inWork);
        this.#conflicts = 0;
        this.#backoff.reset();
      } catch (error) {
        await this.#recover(inWork, error);
      }
    }
  }

  /** Decides and commits as many keys as fit into a slice; `inWork` names those that are not committed yet. */
  async #slice(inWork: Set<string>): Promise<void> {
    const { store, clock } = this.#deps;
    const startMs = clock.monotonic();
    let tx = store.begin();
    for (const key of this.#dirty) {
      this.#dirty.delete(key);
      inWork.add(key);
      let decision = this.#decide(tx, key);
      if (tx.actionCount > 0 && tx.actionCount + decision.changes.length > batchActionsMax) {
        await store.commit(tx);
        inWork.clear();
        inWork.add(key);
        tx = store.begin();
        decision = this.#decide(tx, key);
      }
      for (const change of decision.changes) {
        change(tx);
        if (tx.actionCount < batchActionsMax) continue;
        await store.commit(tx);
        inWork.clear();
        inWork.add(key);
        tx = store.begin();
      }
      this.#keyBackoffs.delete(key);
      if (this.#alone > 0) {
        this.#alone -= 1;
        break;
      }
      if (clock.monotonic() - startMs >= sliceMs) break;
    }
    if (tx.actionCount > 0) await store.commit(tx);
    else if (this.#dirty.size > 0) await sleep(clock, 0);
  }

  #decide(view: StoreView, key: string): Decision {
    const { clock, random } = this.#deps;
    const context = { nowMs: clock.now(), newId: () => newId(random) };
    const decision = this.#reconciler.reconcile(view, key, context);
    this.#wakes.get(key)?.cancel();
    this.#wakes.delete(key);
    if (decision.wakeAtMs !== undefined) this.#wakeIn(key, decision.wakeAtMs - context.nowMs);
    return decision;
  }

  #wakeIn(key: string, delayMs: number): void {
    this.#wakes.get(key)?.cancel();
    const timer = this.#deps.clock.setTimer(delayMs, () => {
      this.#wakes.delete(key);
      this.#markKeys([key]);
    });
    this.#wakes.set(key, timer);
  }

  async #recover(inWork: ReadonlySet<string>, error: unknown): Promise<void> {
    const { log } = this.#deps;
    const reconciler = this.#reconciler.name;
    if (isConflict(error) || isClusterError(error, "NOT_FOUND")) {
      log.debug({ reconciler, err: error }, "another writer came first, deciding again");
      this.#conflicts += 1;
      this.#redo(inWork, this.#conflicts >= conflictsBeforeAlone);
      if (this.#conflicts >= conflictsBeforePause) await this.#pause();
      return;
    }
    if (isClusterError(error, "NOT_LEADER", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED")) {
      log.debug({ reconciler, err: error }, "cannot commit now, trying again later");
      this.#redo(inWork, false);
      await this.#pause();
      return;
    }
    if (inWork.size > 1) {
      this.#redo(inWork, true);
      return;
    }
    for (const key of inWork) {
      log.error({ reconciler, key, err: error }, "reconciling failed, trying again later");
      this.#wakeIn(key, this.#keyBackoff(key).nextMs());
    }
  }

  #redo(keys: ReadonlySet<string>, alone: boolean): void {
    this.#dirty = new Set([...keys, ...this.#dirty]);
    this.#alone = alone ? keys.size : 0;
  }

  #keyBackoff(key: string): Backoff {
    const known = this.#keyBackoffs.get(key);
    if (known !== undefined) return known;
    const backoff = new Backoff({ ...retryMs, random: this.#deps.random });
    this.#keyBackoffs.set(key, backoff);
    return backoff;
  }

  async #pause(): Promise<void> {
    // Rejects only when the loop is stopping, which `run` sees by itself.
    await sleep(this.#deps.clock, this.#backoff.nextMs(), this.#stopping.signal).catch(() => {});
  }
}
