import assert from "node:assert/strict";
import type { Entry, Ready } from "../../../../src/raft/core/types.ts";
import { LogWriter } from "../../../../src/raft/node/log-writer.ts";
import { MemoryStorage } from "../../../../src/raft/storage/memory-storage.ts";
import type { LoadedLog } from "../../../../src/raft/storage/raft-storage.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";
import { entry } from "../../../support/raft-core.ts";

describe("a new commit index alone", () => {
  const cases: { name: string; given: (writer: LogWriter) => void; want: readonly string[] }[] = [
    { name: "is not written", given: () => {}, want: [] },
    {
      name: "goes with the next write",
      given: (w) => w.push(ready(3, 2, [entry(3, 1)])),
      want: ["2 +3 sync"],
    },
    { name: "waits four ticks for a write to go with", given: ticks(4), want: [] },
    { name: "is written at the fifth tick, once", given: ticks(9), want: ["1"] },
    {
      name: "is on the disk before a compaction",
      given: (w) => w.compact(1),
      want: ["1 sync", "compact 1"],
    },
    { name: "is written at the end", given: (w) => void w.stop(), want: ["1"] },
  ];
  for (const { name, given, want } of cases) {
    it(name, async () => {
      const done: string[] = [];
      const durable: number[] = [];
      const writer = writerOf(done, durable);
      writer.push(ready(1, 0, [entry(1, 1), entry(2, 1)]));
      await settle();
      done.length = 0;
      writer.push(ready(2, 1, []));
      assert.deepEqual(durable, [1, 2], "it counts as done at once");
      given(writer);
      await settle();
      assert.deepEqual(done, want);
    });
  }

  it("waits its turn behind a write under way", async () => {
    const durable: number[] = [];
    const writer = writerOf([], durable);
    writer.push(ready(1, 0, [entry(1, 1)]));
    writer.push(ready(2, 1, []));
    assert.deepEqual(durable, []);
    await settle();
    assert.deepEqual(durable, [1, 2]);
  });
});

function ticks(count: number): (writer: LogWriter) => void {
  return (writer) => {
    for (let tick = 0; tick < count; tick += 1) writer.flush();
  };
}

function writerOf(done: string[], durable: number[]): LogWriter {
  const empty: LoadedLog = {
    hardState: { term: 0, vote: 0, commit: 0 },
    truncated: { index: 0, term: 0 },
    entries: [],
  };
  return new LogWriter({
    storage: {
      load: () => empty,
      write: async ({ hardState, entries, sync }) => {
        const added = entries.map(({ index }) => ` +${index}`).join("");
        done.push(`${hardState?.commit ?? "as before"}${added}${sync ? " sync" : ""}`);
      },
      compact: async (index) => void done.push(`compact ${index}`),
      close: async () => {},
    },
    mirror: new MemoryStorage(empty, undefined),
    clock: new FakeClock(),
    onDurable: ({ sequence }) => durable.push(sequence),
    onIdle: () => {},
    onFailure: (error) => assert.fail(String(error)),
  });
}

function ready(sequence: number, commit: number, entries: readonly Entry[]): Ready {
  return {
    sequence,
    hardState: { term: 1, vote: 1, commit },
    softState: undefined,
    snapshot: undefined,
    entries,
    mustSync: entries.length > 0,
    messages: [],
    messagesAfterPersist: [],
    committedEntries: [],
    readStates: [],
    failedReads: [],
  };
}
