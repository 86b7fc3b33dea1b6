import { PerformanceObserver } from "node:perf_hooks";
import koffi from "koffi";

/** The synchronous stretches of some work, ms: from one turn of the event loop to the next. */
export interface Stretches {
  /** Of the thread's own CPU time, so that other processes do not count. */
  readonly cpuMaxMs: number;
  readonly cpuP999Ms: number;
  /** The longest one without V8's garbage collections within it (by the clock, as V8 times them): what the work itself made of it. */
  readonly workMaxMs: number;
  /** By the clock: also what the machine did meanwhile. */
  readonly wallMaxMs: number;
}

const threadCpuTime = 3; // CLOCK_THREAD_CPUTIME_ID
const clockGettime = koffi
  .load("libc.so.6")
  .func("int clock_gettime(int clock, _Out_ int64_t *time)");
const buffer = new BigInt64Array(2);

/** CPU time of this thread, ms; Node tells it only of the whole process. */
export function threadCpuMs(): number {
  clockGettime(threadCpuTime, buffer);
  return Number(buffer[0]) * 1000 + Number(buffer[1]) / 1e6;
}

/** Turns the event loop without a pause until the work has ended, and times each turn. */
export async function measureStretches(work: () => Promise<void>): Promise<Stretches> {
  const turns = new Turns();
  const collections: { readonly startTime: number; readonly duration: number }[] = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  let isOver = false;
  const over = work().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const [startMs, startCpuMs] = [performance.now(), threadCpuMs()];
    await new Promise((resolve) => setImmediate(resolve));
    turns.add(startMs, performance.now(), threadCpuMs() - startCpuMs);
  }
  await over;
  await new Promise((resolve) => setTimeout(resolve, 100)); // the observer is told later
  observer.disconnect();
  const all = turns.all();
  const cpu = all.map(({ cpuMs }) => cpuMs).sort((a, b) => a - b);
  const at = (part: number): number => cpu[Math.floor((cpu.length - 1) * part)] ?? 0;
  return {
    cpuMaxMs: at(1),
    cpuP999Ms: at(0.999),
    workMaxMs: withoutCollections(all, collections),
    wallMaxMs: all.reduce((max, { startMs, endMs }) => Math.max(max, endMs - startMs), 0),
  };
}

interface Turn {
  readonly startMs: number;
  readonly endMs: number;
  readonly cpuMs: number;
}

/** What was measured, in memory that the garbage collector does not look at: it must add nothing to what is measured. */
class Turns {
  #numbers = new Float64Array(3 * 2 ** 18);
  #size = 0;

  add(startMs: number, endMs: number, cpuMs: number): void {
    if (this.#size === this.#numbers.length) {
      const more = new Float64Array(2 * this.#size);
      more.set(this.#numbers);
      this.#numbers = more;
    }
    this.#numbers[this.#size] = startMs;
    this.#numbers[this.#size + 1] = endMs;
    this.#numbers[this.#size + 2] = cpuMs;
    this.#size += 3;
  }

  all(): readonly Turn[] {
    return Array.from({ length: this.#size / 3 }, (_, turn) => {
      const [startMs = 0, endMs = 0, cpuMs = 0] = this.#numbers.subarray(3 * turn, 3 * turn + 3);
      return { startMs, endMs, cpuMs };
    });
  }
}

// Both are in order of time, and a collection lies within one turn.
function withoutCollections(
  turns: readonly Turn[],
  collections: readonly { startTime: number; duration: number }[],
): number {
  let longestMs = 0;
  let next = 0;
  for (const { startMs, endMs, cpuMs } of turns) {
    let collectingMs = 0;
    for (; (collections[next]?.startTime ?? Number.POSITIVE_INFINITY) < endMs; next += 1) {
      const { startTime, duration } = collections[next] ?? { startTime: 0, duration: 0 };
      if (startTime >= startMs) collectingMs += duration;
    }
    longestMs = Math.max(longestMs, cpuMs - collectingMs);
  }
  return longestMs;
}

/** Watches an event loop that has pauses: each millisecond, how much of the thread's CPU time went by. */
export class StretchWatch {
  #longestMs = 0;
  #lastMs = threadCpuMs();

  /** Begins; the timer does not keep the process alive. */
  start(): void {
    setInterval(() => this.#look(), 1).unref();
  }

  /** CPU time of the longest stretch since the last restart, ms; up to 1 ms of other turns before it counts too. */
  get longestMs(): number {
    this.#look();
    return this.#longestMs;
  }

  restart(): void {
    this.#look();
    this.#longestMs = 0;
  }

  #look(): void {
    const nowMs = threadCpuMs();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }
}
