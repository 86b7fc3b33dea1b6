import assert from "node:assert/strict";
import { paced } from "../../../../src/raft/node/paced.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";

describe("paced chunks", () => {
  const cases: { name: string; workMs: number; isUrgent: boolean; wantTakenAfterMs: number[] }[] = [
    { name: "rest three times their work", workMs: 2, isUrgent: false, wantTakenAfterMs: [8, 16] },
    { name: "rest 20 ms at most", workMs: 50, isUrgent: false, wantTakenAfterMs: [70, 140] },
    {
      name: "put short rests together",
      workMs: 0.25,
      isUrgent: false,
      wantTakenAfterMs: [0.25, 2],
    },
    { name: "do not rest when it is urgent", workMs: 2, isUrgent: true, wantTakenAfterMs: [2, 4] },
    {
      name: "do not rest when nothing was done",
      workMs: 0,
      isUrgent: false,
      wantTakenAfterMs: [0, 0],
    },
  ];
  for (const { name, workMs, isUrgent, wantTakenAfterMs } of cases) {
    it(name, async () => {
      const clock = new FakeClock();
      const askedAtMs: number[] = [];
      const working = async function* (): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < 3; at += 1) {
          if (at > 0) askedAtMs.push(clock.monotonic());
          clock.advance(workMs);
          yield Buffer.from([at]);
        }
      };
      const taken: number[] = [];
      const stopping = new AbortController().signal;
      const deps = { clock, restPerWork: 3, isUrgent: () => isUrgent, stopping };
      const reading = (async () => {
        for await (const [at = -1] of paced(working(), deps)) {
          taken.push(at);
        }
      })();
      await clock.run(1_000);
      await reading;
      assert.deepEqual({ askedAtMs, taken }, { askedAtMs: wantTakenAfterMs, taken: [0, 1, 2] });
    });
  }

  it("end their rest, and rest no more, when all stops", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const working = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 3; at += 1) {
        clock.advance(2);
        yield Buffer.from([at]);
      }
    };
    let taken = 0;
    const deps = { clock, restPerWork: 3, isUrgent: () => false, stopping: stop.signal };
    const reading = (async () => {
      for await (const _ of paced(working(), deps)) taken += 1;
    })();
    await settle();
    assert.deepEqual({ taken, resting: clock.pending }, { taken: 1, resting: 1 });
    stop.abort();
    await reading;
    assert.deepEqual({ taken, resting: clock.pending }, { taken: 3, resting: 0 });
  });
});
