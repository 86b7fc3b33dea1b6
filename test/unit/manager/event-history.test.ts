import assert from "node:assert/strict";
import type { WatchMessage } from "../../../src/gen/skep/WatchMessage.ts";
import { watchStore } from "../../../src/manager/control/watch.ts";
import { EventHistory, keptEventsMax } from "../../../src/manager/event-history.ts";
import { aService, aServiceSpec } from "../../support/builders.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

describe("manager: the history of events", () => {
  const add = (memory: ReturnType<typeof createMemoryStore>, ...ids: readonly string[]) => {
    for (const id of ids)
      memory.seed("service", aService({ id, spec: aServiceSpec({ annotations: { name: id } }) }));
  };
  const ids = (messages: readonly WatchMessage[]) => messages.map(({ id }) => id);
  const setUp = () => {
    const clock = new FakeClock();
    const memory = createMemoryStore(clock);
    return { clock, memory, history: new EventHistory({ clock }) };
  };

  it("keeps what comes between its start and its stop", () => {
    const { memory, history } = setUp();
    add(memory, "old");
    history.start(memory.store);
    add(memory, "a", "b");
    history.stop();
    add(memory, "late");
    assert.deepEqual(ids(history.since(0)), ["a", "b"]);
  });

  it("tells what is of the asked time or later", () => {
    const { clock, memory, history } = setUp();
    history.start(memory.store);
    add(memory, "a");
    clock.advance(5_000);
    const sinceMs = clock.now();
    add(memory, "b");
    assert.deepEqual(ids(history.since(sinceMs)), ["b"]);
    assert.deepEqual(ids(history.since(sinceMs + 1)), []);
  });

  it("drops the oldest", () => {
    const { memory, history } = setUp();
    history.start(memory.store);
    for (let count = 0; count < keptEventsMax + 2; count += 1) add(memory, `s${count}`);
    const kept = ids(history.since(0));
    assert.equal(kept.length, keptEventsMax);
    assert.equal(kept[0], "s2");
  });

  it("is told before what is new, with nothing left out and nothing twice", async () => {
    const { clock, memory, history } = setUp();
    history.start(memory.store);
    add(memory, "a", "b");
    const abort = new AbortController();
    const watch = watchStore(memory.store, clock, abort.signal, () => history.since(0));
    const seen: string[] = [];
    for await (const { id } of watch) {
      seen.push(id);
      if (id === "a") add(memory, "c");
      if (id === "c") abort.abort();
    }
    assert.deepEqual(seen, ["a", "b", "c"]);
  });
});
