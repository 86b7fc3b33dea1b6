/** Takes figures of what happens, for those who watch the daemon. */
export interface Meter {
  /** One more figure of the histogram `name`, in base units (seconds, bytes). */
  observe(name: string, value: number): void;
}

/** Keeps nothing. */
export const noMeter: Meter = { observe: () => {} };
