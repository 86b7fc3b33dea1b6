import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { isClusterError } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { NetworkInput } from "../../gen/skep/Network.ts";
import type { StoreEvent } from "../../store/objects.ts";
import type { Store } from "../../store/store.ts";
import { Allocator } from "./allocator.ts";
import { applyGrant } from "./change-of-grant.ts";
import { isIngress } from "./pass-networks.ts";

/** What the allocator's loop runs on. */
export interface AllocatorDeps {
  readonly store: Pick<Store, "view" | "update" | "batch" | "subscribe" | "onReset">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * Starts the leader's allocator: makes the ingress network if there is none, then gives addresses, ports and identifiers to whatever
 * appears. `stop` resolves when nothing is proposed any more.
 */
export function startAllocator(deps: AllocatorDeps): { stop(): Promise<void> } {
  const loop = new AllocatorLoop(deps);
  loop.start();
  return { stop: () => loop.stop() };
}

class AllocatorLoop {
  readonly #deps: AllocatorDeps;
  readonly #allocator: Allocator;
  readonly #stopping = new AbortController();
  readonly #backoff: Backoff;
  #unsubscribe: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #hasIngress = false;
  #isStale = true;

  constructor(deps: AllocatorDeps) {
    this.#deps = { ...deps, log: deps.log.child({ module: "allocator" }) };
    this.#backoff = new Backoff({ initialMs: 100, maxMs: 5_000, random: deps.random });
    this.#allocator = new Allocator((waiting) =>
      this.#deps.log.warn(waiting, "an object waits for the allocator"),
    );
  }

  start(): void {
    const { store } = this.#deps;
    this.#unsubscribe = [
      store.subscribe((events) => this.#onEvents(events)),
      store.onReset(() => {
        this.#isStale = true;
      }),
    ];
    this.#wake();
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#stopping.abort();
    await this.#running;
  }

  #onEvents(events: readonly StoreEvent[]): void {
    for (const { table, object } of events) {
      if (table === "network" || table === "node" || table === "service" || table === "task") {
        this.#allocator.changed(table, object.id);
      }
    }
    if (this.#allocator.hasWork) this.#wake();
  }

  #wake(): void {
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // Something may have come between the last look and now.
      if (this.#isStale || this.#allocator.hasWork) this.#wake();
    });
  }

  async #run(): Promise<void> {
    // Let the entry that woke us be applied everywhere first.
    await Promise.resolve();
    while (!this.#stopping.signal.aborted && (this.#isStale || this.#allocator.hasWork)) {
      try {
        await this.#step();
        this.#backoff.reset();
      } catch (error) {
        // Whether the last grants were written is unknown: read everything anew.
        this.#isStale = true;
        const isExpected = isClusterError(error, "NOT_LEADER", "UNAVAILABLE", "OUT_OF_DATE");
        this.#deps.log[isExpected ? "debug" : "error"]({ err: error }, "allocation failed");
        await this.#pause();
      }
    }
  }

  async #step(): Promise<void> {
    const { store, clock } = this.#deps;
    if (!this.#hasIngress) await this.#ensureIngress();
    if (this.#isStale) {
      this.#isStale = false;
      this.#allocator.reset(store.view());
    }
    const grants = this.#allocator.pass(store.view());
    if (grants.length === 0) return;
    const nowMs = clock.now();
    await store.batch(grants.map((grant) => (tx) => applyGrant(tx, grant, nowMs)));
    this.#allocator.settle(store.view(), grants);
  }

  /** Once per leadership: somebody who removes the network later wants it gone. */
  async #ensureIngress(): Promise<void> {
    const { store, random } = this.#deps;
    const network = ingressNetwork(newId(random));
    await store.update((tx) => {
      for (const other of tx.all("network")) if (isIngress(other)) return;
      if (tx.byName("network", "ingress") === undefined) tx.create("network", network);
    });
    this.#hasIngress = true;
  }

  async #pause(): Promise<void> {
    await sleep(this.#deps.clock, this.#backoff.nextMs(), this.#stopping.signal).catch(() => {});
  }
}

/** The routing mesh's network, as Docker predefines it. Its subnet comes from the pools: 10.0.0.0/24 unless they say otherwise. */
function ingressNetwork(id: string): NetworkInput {
  return {
    id,
    spec: { annotations: { name: "ingress" }, driver: { name: "overlay" }, ingress: true },
  };
}
