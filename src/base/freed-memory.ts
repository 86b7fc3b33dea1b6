import koffi from "koffi";

/** How often the process looks, milliseconds. */
const lookEveryMs = 5_000;
/** Less is not worth it. */
const worthBytes = 8 * 1024 * 1024;

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

/** From now on. On another thread, though whoever allocates meanwhile waits: 1 to 12 ms for a manager of 300 to 400 MB. */
export function giveFreedMemoryBack(): void {
  const trim = trimFunction();
  if (trim === undefined) return;
  const freed = new FreedMemory();
  setInterval(() => {
    if (freed.isWorth(process.memoryUsage().external)) trim.async(0, () => {});
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
