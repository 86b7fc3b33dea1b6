import assert from "node:assert/strict";
import { ClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Stopwatch } from "../../../src/base/meter.ts";
import { timedStateMachine } from "../../../src/manager/timed-state-machine.ts";
import { Store } from "../../../src/store/store.ts";
import { aNode } from "../../support/builders.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

function aMeter() {
  const seen: [name: string, seconds: number][] = [];
  return { seen, meter: { observe: (name: string, value: number) => seen.push([name, value]) } };
}

describe("the store's latencies", () => {
  it("are those of entries, refused ones too, and of whole snapshots", async () => {
    const clock = new FakeClock();
    const { seen, meter } = aMeter();
    const later = async (ms: number): Promise<void> => void (await clock.advance(ms));
    const machine = timedStateMachine(
      {
        apply: ({ index }) => {
          if (index === 2) throw new ClusterError("OUT_OF_DATE", "no");
          return index;
        },
        async *snapshot() {
          await later(1500);
          yield Buffer.from("a");
          await later(500);
        },
        restore: async () => {},
      },
      new Stopwatch(meter, clock),
    );
    const data = Buffer.alloc(0);
    assert.equal(machine.apply({ index: 1, term: 1, data }), 1);
    assert.throws(() => machine.apply({ index: 2, term: 1, data }), { code: "OUT_OF_DATE" });
    for await (const _ of machine.snapshot());
    const held = "swarm_store_memory_store_lock_duration_seconds";
    assert.deepEqual(seen, [
      [held, 0],
      [held, 0],
      ["swarm_raft_snapshot_latency_seconds", 2],
    ]);
  });

  it("are those of each transaction and each batch", async () => {
    const { seen, meter } = aMeter();
    const { proposer, clock } = createMemoryStore();
    const stopwatch = new Stopwatch(meter, clock);
    const store = new Store({ proposer, clock, log: silentLogger, stopwatch });
    proposer.attach(store.stateMachine);
    await store.update((tx) => tx.create("node", aNode({ id: "a" })));
    await store.update((tx) => tx.get("node", "a"));
    await store.batch([(tx) => tx.create("node", aNode({ id: "b" }))]);
    assert.deepEqual(
      seen.map(([name]) => name),
      [
        "swarm_store_write_tx_latency_seconds",
        "swarm_store_write_tx_latency_seconds",
        "swarm_store_batch_latency_seconds",
      ],
    );
  });
});
