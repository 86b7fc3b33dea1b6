import type { Clock } from "../../base/clock.ts";
import {
  type HealthCheck,
  type HealthState,
  initialHealth,
  monitorHealth,
} from "./health-check.ts";

/** The health of one running container, probed until stopped. */
export class HealthWatch {
  readonly #stop = new AbortController();
  #state: HealthState = initialHealth;
  /** Resolves when the first verdict is there. */
  readonly settled: Promise<HealthState>;
  /** Resolves when the container is unhealthy; never rejects. */
  readonly unhealthy: Promise<void>;

  constructor(
    check: HealthCheck,
    clock: Clock,
    probe: (args: readonly string[], timeoutMs: number) => Promise<number>,
  ) {
    let settle: (state: HealthState) => void = () => {};
    let sicken: () => void = () => {};
    this.settled = new Promise((resolve) => {
      settle = resolve;
    });
    this.unhealthy = new Promise((resolve) => {
      sicken = resolve;
    });
    void monitorHealth({
      check,
      clock,
      probe,
      signal: this.#stop.signal,
      onChange: (state) => {
        this.#state = state;
        if (state.status !== "starting") settle(state);
        if (state.status === "unhealthy") sicken();
      },
    });
  }

  get state(): HealthState {
    return this.#state;
  }

  stop(): void {
    this.#stop.abort();
  }
}
