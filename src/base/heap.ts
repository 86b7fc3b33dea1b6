import { setFlagsFromString } from "node:v8";

/** A part of the young generation, percent; V8's own is 80. */
const collectAtPercent = 25;
/** From then on V8 is not to make the heap smaller when it takes the process for idle. */
const largeHeapBytes = 64 * 1024 * 1024;
/** After a full collection, milliseconds: V8's own, and one that never passes (the reducer itself can be had or not only at the start). */
const reducerDelayMs = 8_000;
const neverMs = 2 ** 31 - 1;
/** How often the process looks how large its heap is, milliseconds. */
const lookEveryMs = 5_000;

/**
 * Has V8 collect the young generation between turns of the event loop once a quarter of it is taken (4 of 16 MB), instead of four fifths:
 * what is copied then, and how long nothing else is done, is a third of that. The main thread does so alone: for so little, waking four others
 * and waiting for the last of them takes more than they save (docs/decisions/0021). For the whole process.
 */
export function collectOftenAndShortly(): void {
  setFlagsFromString(`--minor-gc-task-trigger=${collectAtPercent}`);
  setFlagsFromString("--no-parallel-scavenge");
}

/**
 * From now on a large heap is spared V8's memory reducer: within ten seconds of each full collection it makes another one or two, at 200 writes a
 * second too, and each takes a third of a second in which writes are slow. For the whole process.
 */
export function leaveLargeHeapAsItIs(): void {
  let isLarge = false;
  setInterval(() => {
    if (process.memoryUsage().heapUsed > largeHeapBytes === isLarge) return;
    isLarge = !isLarge;
    setFlagsFromString(`--gc-memory-reducer-start-delay-ms=${isLarge ? neverMs : reducerDelayMs}`);
  }, lookEveryMs).unref();
}
