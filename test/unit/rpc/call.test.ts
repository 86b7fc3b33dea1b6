import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { isClusterError } from "../../../src/base/errors.ts";
import { bulkSink, messageSink, type WritableCall } from "../../../src/rpc/call.ts";
import { settle } from "../../support/fake-clock.ts";

/** Takes `ahead` messages before it is full; each has left when `leave` is called for it. */
class FakeCall extends EventEmitter implements WritableCall<string> {
  readonly taken: string[] = [];
  destroyed = false;
  writable = true;
  readonly #ahead: number;
  readonly #callbacks: (() => void)[] = [];

  constructor(ahead: number) {
    super();
    this.#ahead = ahead;
  }

  write(message: string, written?: () => void): boolean {
    this.taken.push(message);
    this.#callbacks.push(written ?? (() => {}));
    return this.#callbacks.length < this.#ahead;
  }

  leave(): void {
    this.#callbacks.shift()?.();
    if (this.#callbacks.length === 0) this.emit("drain");
  }
}

describe("a stream that is written", () => {
  for (const { name, sink, want } of [
    { name: "takes small messages ahead", sink: messageSink<string>, want: ["a", "b"] },
    { name: "takes one large message at a time", sink: bulkSink<string>, want: ["a"] },
  ]) {
    it(name, async () => {
      const call = new FakeCall(2);
      const { write } = sink(call, new AbortController().signal);
      const all = (async () => {
        for (const message of ["a", "b", "c"]) await write(message);
      })();
      await settle();
      assert.deepEqual(call.taken, want);
      for (let left = 0; left < 3; left += 1) {
        call.leave();
        await settle();
      }
      await all;
      assert.deepEqual(call.taken, ["a", "b", "c"]);
    });
  }

  for (const { name, sink } of [
    { name: "of small messages", sink: messageSink<string> },
    { name: "of large ones", sink: bulkSink<string> },
  ]) {
    it(`${name} says that it is gone, also to who waits`, async () => {
      const isGone = (error: unknown): boolean => isClusterError(error, "CANCELLED");
      const ended = new AbortController();
      const aborted = sink(new FakeCall(1), ended.signal);
      const waiting = aborted.write("a");
      ended.abort();
      await assert.rejects(waiting, isGone);
      await assert.rejects(aborted.write("b"), isGone);

      const call = new FakeCall(1);
      const closed = sink(call, new AbortController().signal).write("a");
      call.destroyed = true;
      call.emit("close");
      await assert.rejects(closed, isGone);
      assert.deepEqual([call.listenerCount("close"), call.listenerCount("drain")], [0, 0]);
    });
  }
});
