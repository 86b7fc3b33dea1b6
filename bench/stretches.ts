import koffi from "koffi";

/** The synchronous stretches of some work, ms: from one turn of the event loop to the next. */
export interface Stretches {
  /** Of the thread's own CPU time, so that other processes do not count. */
  readonly cpuMaxMs: number;
  readonly cpuP999Ms: number;
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
  const cpu: number[] = [];
  let wallMaxMs = 0;
  let isOver = false;
  const over = work().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const [startMs, startCpuMs] = [performance.now(), threadCpuMs()];
    await new Promise((resolve) => setImmediate(resolve));
    cpu.push(threadCpuMs() - startCpuMs);
    wallMaxMs = Math.max(wallMaxMs, performance.now() - startMs);
  }
  await over;
  cpu.sort((a, b) => a - b);
  const at = (part: number): number => cpu[Math.floor((cpu.length - 1) * part)] ?? 0;
  return { cpuMaxMs: at(1), cpuP999Ms: at(0.999), wallMaxMs };
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
