import { setFlagsFromString } from "node:v8";
import koffi from "koffi";

/** How often the process looks, milliseconds. */
const lookEveryMs = 5_000;
/** Less is not worth it. */
const worthBytes = 8 * 1024 * 1024;
/** From then on V8 is not to make the heap smaller when it takes the process for idle. */
const largeHeapBytes = 64 * 1024 * 1024;
/** After a full collection, milliseconds: V8's own, and one that never passes (the reducer itself can be had or not only at the start). */
const reducerDelayMs = 8_000;
const neverMs = 2 ** 31 - 1;

/**
 * Decides when so much memory outside the heap was freed that the system should have it back. The C library keeps what lies between used
 * memory, and what was freed there on one day is a quarter of a large manager's memory on the next.
 */
export class FreedMemory {
  #mostBytes = 0;

  /** `externalBytes`: what the heap's objects hold outside of it now. True: give back what is free. */
  isWorth(externalBytes: number): boolean {
    this.#mostBytes = Math.max(this.#mostBytes, externalBytes);
    if (this.#mostBytes - externalBytes < worthBytes) return false;
    this.#mostBytes = externalBytes;
    return true;
  }
}

/**
 * From now on. On another thread, though whoever allocates meanwhile waits: 1 to 12 ms for a manager of 300 to 400 MB. A large heap is
 * spared V8's memory reducer: within ten seconds of each full collection it makes another one or two, at 200 writes a second too, and each
 * takes a third of a second in which writes are slow.
 */
export function giveFreedMemoryBack(): void {
  const trim = trimFunction();
  const freed = new FreedMemory();
  let isLarge = false;
  setInterval(() => {
    const { external, heapUsed } = process.memoryUsage();
    if (freed.isWorth(external)) trim?.async(0, () => {});
    if (heapUsed > largeHeapBytes === isLarge) return;
    isLarge = !isLarge;
    setFlagsFromString(`--gc-memory-reducer-start-delay-ms=${isLarge ? neverMs : reducerDelayMs}`);
  }, lookEveryMs).unref();
}

/** malloc_trim(3), which only glibc has. */
function trimFunction(): ReturnType<ReturnType<typeof koffi.load>["func"]> | undefined {
  try {
    return koffi.load(null).func("int malloc_trim(size_t pad)");
  } catch {
    return undefined;
  }
}
