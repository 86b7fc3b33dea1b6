import { setFlagsFromString } from "node:v8";

/** A part of the young generation, percent; V8's own is 80. */
const collectAtPercent = 25;

/**
 * Has V8 collect the young generation between turns of the event loop once a quarter of it is taken (4 of 16 MB), instead of four fifths:
 * what is copied then, and how long nothing else is done, is a third of that. The main thread does so alone: for so little, waking four others
 * and waiting for the last of them takes more than they save (docs/decisions/0021). For the whole process.
 */
export function collectOftenAndShortly(): void {
  setFlagsFromString(`--minor-gc-task-trigger=${collectAtPercent}`);
  setFlagsFromString("--no-parallel-scavenge");
}
