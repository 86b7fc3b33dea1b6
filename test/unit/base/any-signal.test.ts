import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { anySignal } from "../../../src/base/any-signal.ts";

describe("any signal", () => {
  it("aborts with the first one's reason and leaves nothing at the others", () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const signal = anySignal(first.signal, second.signal);
    assert.equal(signal.aborted, false);
    second.abort("second");
    first.abort("first");
    assert.equal(signal.reason, "second");
    for (const source of [first.signal, second.signal]) {
      assert.deepEqual(getEventListeners(source, "abort"), []);
    }
  });

  it("takes many at a time without Node's warning of a leak", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on("warning", note);
    const lasting = new AbortController();
    for (let count = 0; count < 20; count += 1) {
      anySignal(lasting.signal, new AbortController().signal);
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", note);
    assert.deepEqual(warnings, []);
    lasting.abort();
  });

  it("is aborted from the start when one of them is", () => {
    const lasting = new AbortController();
    const signal = anySignal(lasting.signal, AbortSignal.abort("before"));
    assert.equal(signal.reason, "before");
    assert.deepEqual(getEventListeners(lasting.signal, "abort"), []);
  });
});
