import { readdirSync, writeFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// Loaded into a daemon before its own code (NODE_OPTIONS=--import): on SIGUSR2 the heap is collected, and what is left is written to a
// file that is named for the process.

/** What a process holds after its garbage is gone. */
export interface MemorySample {
  readonly heapBytes: number;
  /** Buffers and the like. */
  readonly externalBytes: number;
  readonly residentBytes: number;
  /** Sockets, timers, watches: what libuv waits for. */
  readonly handles: number;
  /** Open files. */
  readonly files: number;
}

const folder = process.env["SKEP_MEMORY_PROBE"];
if (folder !== undefined && process.argv[1]?.endsWith("skepd") === true) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  process.on("SIGUSR2", () => void sample(collect, `${folder}/${process.pid}.json`));
}

async function sample(collect: () => void, path: string): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    collect();
    await setImmediate(); // finalizers run between
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const found: MemorySample = {
    heapBytes: heapUsed,
    externalBytes: external,
    residentBytes: rss,
    handles: process.getActiveResourcesInfo().length,
    files: readdirSync("/proc/self/fd").length,
  };
  writeFileSync(path, JSON.stringify(found));
}
