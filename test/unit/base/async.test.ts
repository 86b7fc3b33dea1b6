import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "../../../src/base/atomic-file.ts";
import { BoundedQueue } from "../../../src/base/bounded-queue.ts";
import { sleep, systemClock } from "../../../src/base/clock.ts";
import { runCommand, tryCommand } from "../../../src/base/command.ts";
import { withDeadline } from "../../../src/base/deadline.ts";
import { KeyedMutex } from "../../../src/base/keyed-mutex.ts";
import { inNetworkNamespace, unmount } from "../../../src/base/linux.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

describe("bounded queue", () => {
  const cases = [
    { onFull: "drop-oldest", taken: [true, true, true], want: [2, 3] },
    { onFull: "drop-newest", taken: [true, true, false], want: [1, 2] },
    { onFull: "refuse", taken: [true, true, false], want: [1, 2] },
  ] as const;
  for (const { onFull, taken, want } of cases) {
    it(`when full: ${onFull}`, () => {
      const queue = new BoundedQueue<number>({ itemsMax: 2, onFull });
      assert.deepEqual(
        [1, 2, 3].map((item) => queue.push(item)),
        taken,
      );
      assert.equal(queue.dropped, 1);
      assert.deepEqual(queue.drain(), want);
      assert.equal(queue.size, 0);
    });
  }

  it("gives its reader everything, and ends when it is closed", async () => {
    const queue = new BoundedQueue<number>({ itemsMax: 10, onFull: "refuse" });
    const read: number[] = [];
    const done = (async () => {
      for await (const item of queue) read.push(item);
    })();
    queue.push(1);
    await settle();
    queue.push(2);
    queue.push(3);
    queue.close();
    assert.equal(queue.push(4), false);
    await done;
    assert.deepEqual([read, queue.closed], [[1, 2, 3], true]);
  });

  it("drains some", () => {
    const queue = new BoundedQueue<number>({ itemsMax: 10, onFull: "refuse" });
    for (const item of [1, 2, 3]) queue.push(item);
    assert.deepEqual([queue.drain(2), queue.size], [[1, 2], 1]);
  });
});

describe("clock", () => {
  it("sleeps, and stops sleeping when told to", async () => {
    const clock = new FakeClock();
    let slept = false;
    void sleep(clock, 100).then(() => {
      slept = true;
    });
    await clock.run(99);
    assert.equal(slept, false);
    await clock.run(1);
    assert.equal(slept, true);
    const stop = new AbortController();
    const broken = assert.rejects(sleep(clock, 100, stop.signal), /enough/);
    stop.abort(new Error("enough"));
    await broken;
    assert.equal(clock.pending, 0);
    await assert.rejects(sleep(clock, 100, stop.signal), /enough/);
  });

  it("of the system goes forward, and its timers can be cancelled", () => {
    assert.ok(systemClock.now() > 1_700_000_000_000);
    const before = systemClock.monotonic();
    assert.ok(systemClock.monotonic() >= before);
    systemClock.setTimer(2 ** 40, () => assert.fail("too early")).cancel();
  });
});

describe("deadline", () => {
  it("passes on what comes in time, and leaves no timer", async () => {
    const clock = new FakeClock();
    assert.equal(await withDeadline(clock, 100, "work", Promise.resolve(7)), 7);
    await assert.rejects(withDeadline(clock, 100, "work", Promise.reject(new Error("x"))), /x/);
    assert.equal(clock.pending, 0);
  });

  it("gives up what comes too late, by name", async () => {
    const clock = new FakeClock();
    const late = assert.rejects(withDeadline(clock, 100, "work", new Promise(() => {})), {
      code: "DEADLINE_EXCEEDED",
      message: "work took longer than 100 ms",
    });
    await clock.run(100);
    await late;
  });
});

describe("keyed mutex", () => {
  it("runs those of one key in turn, others beside them, also after a failure", async () => {
    const mutex = new KeyedMutex();
    const clock = new FakeClock();
    const done: string[] = [];
    const work = (key: string, name: string, delayMs: number) =>
      mutex.run(key, async () => {
        await sleep(clock, delayMs);
        done.push(name);
        if (name === "a1") throw new Error("broken");
        return name;
      });
    const failing = assert.rejects(work("a", "a1", 50), /broken/);
    const second = work("a", "a2", 10);
    const other = work("b", "b1", 20);
    await clock.run(100);
    await failing;
    assert.deepEqual([await second, await other], ["a2", "b1"]);
    assert.deepEqual(done, ["b1", "a1", "a2"]);
  });
});

describe("atomic file", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-base-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("replaces content and mode, and leaves nothing else behind", async () => {
    const path = join(folder, "file");
    await writeFileAtomic(path, "one");
    await writeFileAtomic(path, Buffer.from("two"), 0o600);
    assert.equal(readFileSync(path, "utf8"), "two");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ["file"]);
  });

  it("fails for a folder that is not there", async () => {
    await assert.rejects(writeFileAtomic(join(folder, "no", "file"), "x"), { code: "ENOENT" });
    chmodSync(folder, 0o700);
  });
});

describe("command", () => {
  it("gives input, output and exit code", async () => {
    const result = await tryCommand("/bin/sh", ["-c", "cat; echo oops >&2; exit 3"], {
      input: "hello",
    });
    assert.deepEqual(result, { exitCode: 3, stdout: "hello", stderr: "oops\n" });
  });

  it("carries the program's own words when it fails", async () => {
    await assert.rejects(runCommand("/bin/sh", ["-c", "echo no such link >&2; exit 1"]), {
      code: "INTERNAL",
      message: "/bin/sh -c failed: no such link",
    });
    await assert.rejects(tryCommand("/no/such/program", []), { code: "INTERNAL" });
  });

  it("kills what takes too long", async () => {
    await assert.rejects(tryCommand("/bin/sleep", ["60"], { timeoutMs: 20 }), {
      code: "DEADLINE_EXCEEDED",
    });
  });
});

describe("linux", () => {
  it("names what is not there", () => {
    assert.throws(() => inNetworkNamespace("/no/such/namespace", () => 1), { code: "ENOENT" });
    assert.doesNotThrow(() => unmount("/no/such/mount"));
  });
});
