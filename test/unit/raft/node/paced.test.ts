import assert from "node:assert/strict";
import { paced } from "../../../../src/raft/node/paced.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

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
      const reading = (async () => {
        for await (const [at = -1] of paced(working(), { clock, isUrgent: () => isUrgent })) {
          taken.push(at);
        }
      })();
      await clock.run(1_000);
      await reading;
      assert.deepEqual({ askedAtMs, taken }, { askedAtMs: wantTakenAfterMs, taken: [0, 1, 2] });
    });
  }
});
