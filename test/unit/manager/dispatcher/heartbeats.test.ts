import assert from "node:assert/strict";
import { Heartbeats, nextBeatMs } from "../../../../src/manager/dispatcher/heartbeats.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

describe("manager: heartbeats", () => {
  it("tell who is overdue, once", () => {
    const clock = new FakeClock();
    const overdue: string[] = [];
    const heartbeats = new Heartbeats({ clock, onOverdue: (id) => overdue.push(id) });
    heartbeats.beat("a", 100);
    heartbeats.beat("b", 100);
    clock.advance(99);
    heartbeats.beat("a", 100);
    clock.advance(50);
    assert.deepEqual(overdue, ["b"]);
    heartbeats.forget("a");
    clock.advance(1_000);
    assert.deepEqual([overdue, clock.pending], [["b"], 0]);
  });

  it("do not blame the nodes when this process stood still", () => {
    let fire: () => void = () => {};
    let nowMs = 0;
    const clock = {
      now: () => nowMs,
      monotonic: () => nowMs,
      setTimer: (_delayMs: number, fn: () => void) => {
        fire = fn;
        return { cancel() {} };
      },
    };
    const overdue: string[] = [];
    new Heartbeats({ clock, onOverdue: (id) => overdue.push(id) }).beat("a", 15_000);
    nowMs = 40_000;
    fire();
    assert.deepEqual(overdue, []);
    nowMs = 55_000;
    fire();
    assert.deepEqual(overdue, ["a"]);
  });

  it("are due after a period, give or take a tenth", () => {
    const at = (float: number) =>
      nextBeatMs(5_000, { float: () => float, bytes: () => new Uint8Array() });
    assert.deepEqual([at(0), at(0.5), at(1)].map(Math.round), [4_500, 5_000, 5_500]);
  });
});
