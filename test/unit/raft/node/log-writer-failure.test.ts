import assert from "node:assert/strict";
import type { Ready } from "../../../../src/raft/core/types.ts";
import { LogWriter } from "../../../../src/raft/node/log-writer.ts";
import { MemoryStorage } from "../../../../src/raft/storage/memory-storage.ts";
import type { LoadedLog } from "../../../../src/raft/storage/raft-storage.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";
import { entry } from "../../../support/raft-core.ts";

describe("a write that failed", () => {
  it("is the last one: what the disk holds is not known any more", async () => {
    const empty: LoadedLog = {
      hardState: { term: 0, vote: 0, commit: 0 },
      truncated: { index: 0, term: 0 },
      entries: [],
    };
    let writes = 0;
    const durable: number[] = [];
    const failures: unknown[] = [];
    const writer = new LogWriter({
      storage: {
        load: () => empty,
        write: async () => {
          writes += 1;
          if (writes === 1) throw new Error("EIO");
        },
        compact: async () => {},
        close: async () => {},
      },
      mirror: new MemoryStorage(empty, undefined),
      clock: new FakeClock(),
      onDurable: ({ sequence }) => durable.push(sequence),
      onIdle: () => {},
      onFailure: (error) => failures.push(error),
    });
    writer.push(ready(1));
    await settle();
    writer.push(ready(2));
    for (let tick = 0; tick < 5; tick += 1) writer.flush();
    await settle();
    await writer.stop();
    assert.deepEqual([writes, durable, failures.length], [1, [], 1]);
  });
});

function ready(sequence: number): Ready {
  return {
    sequence,
    hardState: { term: 1, vote: 1, commit: 0 },
    softState: undefined,
    snapshot: undefined,
    entries: [entry(sequence, 1)],
    mustSync: true,
    messages: [],
    messagesAfterPersist: [],
    committedEntries: [],
    readStates: [],
    failedReads: [],
  };
}
