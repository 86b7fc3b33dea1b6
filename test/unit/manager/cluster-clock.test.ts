import assert from "node:assert/strict";
import { silentLogger } from "../../../src/base/log.ts";
import { ClusterClock, clusterTimeMs, markAfter } from "../../../src/manager/cluster-clock.ts";
import { startOrchestration } from "../../../src/manager/orchestrator/orchestration.ts";
import { toTimestamp } from "../../../src/model/time.ts";
import { Store } from "../../../src/store/store.ts";
import { aNode, aService, aServiceSpec, aTask, aTaskSpec } from "../../support/builders.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { MemoryProposer } from "../../support/memory-proposer.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const minuteMs = 60_000;

describe("cluster clock", () => {
  const rows = [
    { name: "the wall clock's, as long as nothing is later", stamp: -1, afterMs: 0, want: 0 },
    { name: "what was written later than now is now", stamp: 5_000, afterMs: 0, want: 5_000 },
    { name: "it goes on at a slower pace", stamp: 5_000, afterMs: 20_000, want: 24_000 },
    { name: "the wall clock catches up", stamp: 5_000, afterMs: 100_000, want: 100_000 },
    { name: "and leads again", stamp: 5_000, afterMs: 200_000, want: 200_000 },
  ];
  for (const { name, stamp, afterMs, want } of rows) {
    it(`time: ${name}`, () => {
      const wallMs = 1_000_000;
      const before = { ms: wallMs - 10, atMonotonicMs: 70 };
      const mark = markAfter(before, wallMs + stamp, { wallMs, monotonicMs: 77 });
      const here = { wallMs: wallMs + afterMs, monotonicMs: 77 + afterMs };
      assert.equal(clusterTimeMs(mark, here) - wallMs, want);
    });
  }

  it("keeps the mark that is later by now", () => {
    const mark = { ms: 5_000, atMonotonicMs: 0 };
    const here = { wallMs: 0, monotonicMs: 1_000 };
    assert.equal(markAfter(mark, 5_950, here), mark);
    assert.deepEqual(markAfter(mark, 5_951, here), { ms: 5_951, atMonotonicMs: 1_000 });
  });

  it("never goes back behind what was written, wherever the wall clock is set", async () => {
    let wallMs = 1_700_000_000_000;
    const inner = new FakeClock(wallMs);
    const clock = new ClusterClock({
      now: () => wallMs,
      monotonic: () => inner.monotonic(),
      setTimer: (delayMs, fn) => inner.setTimer(delayMs, fn),
    });
    const proposer = new MemoryProposer();
    const store = new Store({ proposer, clock, log: silentLogger });
    proposer.attach(store.stateMachine);
    clock.follow(store);
    let lastMs = 0;
    for (const jumpMs of [0, 10 * minuteMs, -20 * minuteMs, 5 * minuteMs, -minuteMs]) {
      wallMs += jumpMs;
      assert.ok(clock.now() >= lastMs, `after a jump of ${jumpMs} ms`);
      await store.update((tx) => tx.create("node", aNode({ id: `n${jumpMs}`, meta: null })));
      lastMs = clock.now();
    }
  });

  const formerLeaders = [
    { name: "10 minutes ahead", offMs: 10 * minuteMs, early: "READY", late: "RUNNING" },
    { name: "right", offMs: 0, early: "READY", late: "RUNNING" },
    { name: "10 minutes behind", offMs: -10 * minuteMs, early: "RUNNING", late: "RUNNING" },
  ];
  for (const { name, offMs, early, late } of formerLeaders) {
    it(`restarts a task after its delay, at most, when the leader before was ${name}`, async () => {
      const inner = new FakeClock();
      const clock = new ClusterClock(inner);
      const proposer = new MemoryProposer();
      const store = new Store({ proposer, clock, log: silentLogger });
      proposer.attach(store.stateMachine);
      clock.follow(store);
      const former = new FakeClock(inner.now() + offMs);
      const formerStore = new Store({ proposer, clock: former, log: silentLogger });
      const spec = aTaskSpec({ restart: { delay: { seconds: 5 } } });
      const timestamp = toTimestamp(former.now());
      const failed = { state: "FAILED" as const, timestamp, appliedAt: timestamp };
      await formerStore.update((tx) => {
        tx.create("node", aNode({ id: "node1" }));
        tx.create("service", aService({ spec: aServiceSpec({ task: spec }) }));
        tx.create("task", aTask({ spec, desiredState: "SHUTDOWN", status: failed }));
        tx.create(
          "task",
          aTask({
            id: "task2",
            spec,
            desiredState: "READY",
            status: { state: "READY", timestamp },
          }),
        );
      });
      const deps = { store, clock, random: seededRandom(1), log: silentLogger };
      const loops = startOrchestration(deps);
      const desired = (): string | undefined => store.view().get("task", "task2")?.desiredState;
      await inner.run(4_000);
      assert.equal(desired(), early);
      await inner.run(2_000);
      assert.equal(desired(), late);
      await loops.stop();
    });
  }
});
