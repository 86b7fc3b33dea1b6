import { strict as assert } from "node:assert";
import { type Logger, silentLogger } from "../../../../src/base/log.ts";
import { DiskWatch } from "../../../../src/raft/node/disk-watch.ts";

describe("disk watch", () => {
  it("tells the begin and the end of each hang once", () => {
    const told: string[] = [];
    const say = (_fields: unknown, text: unknown): void => void told.push(String(text));
    const log = { ...silentLogger, error: say, info: say } as Logger;
    let pendingMs = 0;
    const watch = new DiskWatch(1_000, () => pendingMs, log);
    const found = [0, 500, 1_500, 1_600, 2_000, 0, 0, 1_500].map((ms) => {
      pendingMs = ms;
      assert.equal(watch.isStuck, ms > 1_000);
      return watch.check();
    });
    assert.deepEqual(found, [false, false, true, true, true, false, false, true]);
    const [begin, end] = [
      "the disk of the raft log hangs",
      "the disk of the raft log answers again",
    ];
    assert.deepEqual(told, [begin, end, begin]);
  });
});
