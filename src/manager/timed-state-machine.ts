import type { Stopwatch } from "../base/meter.ts";
import type { StateMachine } from "../raft/node/state-machine.ts";

/** The state machine, and how long its work takes: while an entry is applied nothing else reads or writes the store. */
export function timedStateMachine(inner: StateMachine, stopwatch: Stopwatch): StateMachine {
  return {
    apply(entry) {
      const end = stopwatch.start("swarm_store_memory_store_lock_duration_seconds");
      try {
        return inner.apply(entry);
      } finally {
        end(); // a refused entry held the store as well
      }
    },
    snapshot: () => timed(inner.snapshot(), stopwatch),
    restore: (chunks) => inner.restore(chunks),
  };
}

async function* timed(
  chunks: AsyncIterable<Uint8Array>,
  stopwatch: Stopwatch,
): AsyncGenerator<Uint8Array, void, void> {
  const end = stopwatch.start("swarm_raft_snapshot_latency_seconds");
  yield* chunks;
  end();
}
