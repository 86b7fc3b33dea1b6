import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Store } from "../store/store.ts";
import type { KeyVault } from "./key-vault.ts";

export interface UnlockKeyFollowerDeps {
  readonly store: Pick<Store, "view" | "subscribe">;
  readonly vault: Pick<KeyVault, "setUnlockKey">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Keeps the lock of this manager's keys as the cluster wants it; tries again while the disk refuses. */
export class UnlockKeyFollower {
  readonly #deps: UnlockKeyFollowerDeps;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  #unsubscribe: () => void = () => {};
  #running: Promise<void> | undefined;
  #isDirty = false;

  constructor(deps: UnlockKeyFollowerDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff({ initialMs: 200, maxMs: 10_000, random: deps.random });
  }

  /** Looks at once, and whenever the cluster object changes. */
  start(): void {
    this.#unsubscribe = this.#deps.store.subscribe((events) => {
      if (events.some(({ table }) => table === "cluster")) this.#wake();
    });
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    await this.#running;
  }

  #wake(): void {
    this.#isDirty = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    const { store, vault, clock, log } = this.#deps;
    while (this.#isDirty && !this.#stop.signal.aborted) {
      this.#isDirty = false;
      const cluster = store.view().cluster();
      if (cluster === undefined) continue;
      try {
        await vault.setUnlockKey(cluster.unlockKey, cluster.meta?.version?.index ?? 0);
        this.#backoff.reset();
      } catch (error) {
        log.error({ err: errorMessage(error) }, "the lock of this manager's keys was not changed");
        this.#isDirty = true;
        await sleep(clock, this.#backoff.nextMs(), this.#stop.signal).catch(() => {});
      }
    }
  }
}
