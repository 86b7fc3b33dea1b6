/** Handle of a timer made by a Clock. */
export interface Timer {
  cancel(): void;
}

/** The only source of time outside `daemon/`. Tests and simulations pass a fake one. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number;
  /** Monotonic milliseconds; only differences mean something. */
  monotonic(): number;
  /** Calls `fn` once, not before `delayMs` from now. Never keeps the process alive by itself. */
  setTimer(delayMs: number, fn: () => void): Timer;
}

/** The real clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, fn) {
    // Node fires at once when the delay is above 2^31-1 ms.
    const timeout = setTimeout(fn, Math.min(Math.max(0, delayMs), 2 ** 31 - 1));
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
