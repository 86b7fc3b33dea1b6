import { type Clock, sleep } from "../../base/clock.ts";

export interface PacedDeps {
  readonly clock: Clock;
  /** Rests for so long as it worked, times this: with 3 a quarter of the time is worked. */
  readonly restPerWork: number;
  /** Asked at each chunk: true = go on without rests. */
  readonly isUrgent: () => boolean;
  /** Once aborted, there are no rests any more: one under way ends at once, as its timer would not keep the process alive. */
  readonly stopping: AbortSignal;
}

/** However long the work took, as what it waited for then was others' work. */
const restMaxMs = 20;
/** Shorter rests are put together: a timer takes 1 ms at least. */
const restMinMs = 1;

/**
 * The same chunks, with rests in which others get on: work that may take its time must not take turn by turn of the event loop, nor
 * all of a core. What is done with a chunk, until the next one is asked for, counts as work too.
 */
export async function* paced(
  chunks: AsyncIterable<Uint8Array>,
  { clock, restPerWork, isUrgent, stopping }: PacedDeps,
): AsyncGenerator<Uint8Array, void, void> {
  let owedMs = 0;
  let fromMs = clock.monotonic();
  for await (const chunk of chunks) {
    yield chunk;
    const toMs = clock.monotonic();
    owedMs =
      isUrgent() || stopping.aborted
        ? 0
        : Math.min(restMaxMs, owedMs + (toMs - fromMs) * restPerWork);
    fromMs = toMs;
    if (owedMs < restMinMs) continue;
    await sleep(clock, owedMs, stopping).catch(() => {});
    fromMs = clock.monotonic();
    owedMs = Math.max(0, owedMs - (fromMs - toMs));
  }
}
