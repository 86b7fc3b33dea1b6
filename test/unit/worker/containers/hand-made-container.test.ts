import assert from "node:assert/strict";
import { FakeClock } from "../../../support/fake-clock.ts";
import { aHandMade, aRecord } from "../../../support/hand-made-fixtures.ts";

describe("a hand-made container", () => {
  it("runs, ends and runs again", async () => {
    const clock = new FakeClock();
    const { container, runtime, events, saved, settled } = aHandMade(aRecord(), clock);
    await container.start();
    assert.equal(container.isRunning, true);
    clock.advance(2000);
    runtime.finish(3);
    await settled();
    assert.deepEqual(container.record.run.exitCode, 3);
    await container.start();
    assert.deepEqual(events, ["start", "die 3 2", "start"]);
    assert.deepEqual([...new Set(saved)], ["running", "exited"]);
  });

  it("is known to be meant to run before it does", async () => {
    const { container, runtime, saved } = aHandMade(aRecord(), new FakeClock());
    runtime.launchError = new Error("the host lost power");
    await assert.rejects(container.start());
    assert.equal(saved.includes("running"), true);
  });

  it("stays as it was when it cannot start, and says why", async () => {
    const { container, runtime, closed, events } = aHandMade(aRecord(), new FakeClock());
    runtime.launchError = new Error('exec: "nosuch": executable file not found in $PATH');
    const waited = container.waiters.nextExit();
    await assert.rejects(container.start(), /executable file not found/);
    const { phase, exitCode, error } = container.record.run;
    assert.deepEqual([phase, exitCode], ["created", 127]);
    assert.match(error, /nosuch/);
    assert.equal((await waited).exitCode, 127);
    assert.deepEqual(closed, ["network", "volumes"]);
    assert.deepEqual(events, []);
  });

  it("is removed at its end, with its volumes without a name, when it was asked for so", async () => {
    const { container, runtime, closed, saved, events, settled } = aHandMade(
      aRecord({ autoRemove: true }),
      new FakeClock(),
    );
    await container.start();
    const removed = container.waiters.removal();
    runtime.finish(0);
    await settled();
    assert.equal((await removed).exitCode, 0);
    assert.equal(closed.includes("anonymous volumes"), true);
    assert.equal(saved.at(-1), "gone");
    assert.deepEqual(events, ["start", "die 0 0", "destroy"]);
  });

  it("is not removed by a restart", async () => {
    const { container, events, saved } = aHandMade(aRecord({ autoRemove: true }), new FakeClock());
    await container.start();
    await container.restart({ signal: "" });
    assert.equal(saved.includes("gone"), false);
    assert.deepEqual(events, ["start", "kill SIGTERM", "die 143 0", "stop", "start", "restart"]);
  });

  it("is restarted by its policy, later each time, until a person stops it", async () => {
    const clock = new FakeClock();
    const restart = { name: "always", retriesMax: 0 } as const;
    const { container, runtime, settled } = aHandMade(aRecord({ restart }), clock);
    await container.start();
    for (const delayMs of [100, 200, 400]) {
      runtime.finish(1);
      await settled();
      assert.deepEqual([container.isRunning, container.waitsForRestart], [false, true]);
      clock.advance(delayMs - 1);
      await settled();
      assert.equal(container.isRunning, false);
      clock.advance(1);
      await settled();
      assert.equal(container.isRunning, true);
    }
    assert.equal(container.record.run.restartCount, 3);
    await container.stop({ signal: "" });
    await settled();
    assert.deepEqual(
      [container.waitsForRestart, container.record.run.stoppedByHand],
      [false, true],
    );
  });

  it("either runs or waits for its restart, at each moment, as long as its policy starts it", async () => {
    const clock = new FakeClock();
    const restart = { name: "on-failure", retriesMax: 1 } as const;
    const { container, runtime, settled } = aHandMade(aRecord({ restart }), clock);
    await container.start();
    const isUp = async (): Promise<void> => {
      for (let turn = 0; turn < 200; turn += 1) {
        assert.equal(container.isRunning || container.waitsForRestart, true, `turn ${turn}`);
        await Promise.resolve();
      }
      await settled();
    };
    runtime.finish(1);
    await isUp();
    clock.advance(100);
    await isUp();
    runtime.finish(1);
    await settled();
    assert.deepEqual([container.isRunning, container.waitsForRestart], [false, false]);
  });

  it("is stopped, and removed, while its policy starts it", async () => {
    for (const remove of [false, true]) {
      const clock = new FakeClock();
      const restart = { name: "always", retriesMax: 0 } as const;
      const { container, runtime, saved, settled } = aHandMade(aRecord({ restart }), clock);
      await container.start();
      runtime.finish(1);
      await settled();
      clock.advance(100); // the start is under way
      if (remove) await container.remove({ force: true, volumes: false });
      else await container.stop({ signal: "" });
      await settled();
      clock.advance(100_000);
      await settled();
      assert.deepEqual([container.isRunning, container.waitsForRestart], [false, false]);
      if (remove) assert.equal(saved.at(-1), "gone");
    }
  });

  it("tries again to start what its policy wants and what failed", async () => {
    const clock = new FakeClock();
    const restart = { name: "unless-stopped", retriesMax: 0 } as const;
    const { container, runtime, settled } = aHandMade(aRecord({ restart }), clock);
    await container.start();
    runtime.finish(1);
    await settled();
    runtime.launchError = new Error("the port is in use");
    clock.advance(100);
    await settled();
    assert.equal(container.waitsForRestart, true);
    runtime.launchError = undefined;
    clock.advance(200);
    await settled();
    assert.equal(container.isRunning, true);
  });

  it("refuses what its state does not allow", async () => {
    const { container } = aHandMade(aRecord(), new FakeClock());
    await assert.rejects(container.kill("SIGKILL"), /is not running/);
    await assert.rejects(container.pause(), /is not running/);
    await assert.rejects(container.unpause(), /is not paused/);
    await container.start();
    await assert.rejects(container.remove({ force: false, volumes: false }), /is running/);
    await container.pause();
    await assert.rejects(container.pause(), /already paused/);
  });

  it("thaws what is paused before it is stopped", async () => {
    const { container, runtime } = aHandMade(aRecord(), new FakeClock());
    await container.start();
    await container.pause();
    await container.stop({ signal: "" });
    assert.deepEqual([runtime.isFrozen, container.isRunning], [false, false]);
  });

  describe("after a restart of the daemon", () => {
    const always = { name: "always", retriesMax: 0 } as const;
    const unless = { name: "unless-stopped", retriesMax: 0 } as const;
    const ran = { phase: "running", startedAtMs: 5 } as const;
    const table = [
      {
        name: "ended just before, --rm",
        record: aRecord({ autoRemove: true }, { phase: "exited", startedAtMs: 5 }),
        runs: false,
        phase: "removing",
      },
      {
        name: "ended meanwhile, without a policy",
        record: aRecord({}, ran),
        runs: false,
        phase: "exited",
      },
      {
        name: "ended meanwhile, always",
        record: aRecord({ restart: always }, ran),
        runs: true,
        phase: "running",
      },
      {
        name: "stopped by hand, always",
        record: aRecord(
          { restart: always },
          { phase: "exited", startedAtMs: 5, stoppedByHand: true },
        ),
        runs: true,
        phase: "running",
      },
      {
        name: "stopped by hand, unless-stopped",
        record: aRecord(
          { restart: unless },
          { phase: "exited", startedAtMs: 5, stoppedByHand: true },
        ),
        runs: false,
        phase: "exited",
      },
      {
        name: "never started, always",
        record: aRecord({ restart: always }),
        runs: false,
        phase: "created",
      },
      {
        name: "being removed",
        record: aRecord({ restart: always }, { phase: "removing" }),
        runs: false,
        phase: "removing",
      },
      {
        name: "ended meanwhile, --rm",
        record: aRecord({ autoRemove: true }, ran),
        runs: false,
        phase: "removing",
      },
    ];
    for (const { name, record, runs, phase } of table) {
      it(name, async () => {
        const clock = new FakeClock();
        const { container, settled, saved } = aHandMade(record, clock);
        await container.adopt();
        container.startWithDaemon();
        clock.advance(100);
        await settled();
        assert.deepEqual([container.isRunning, container.record.run.phase], [runs, phase]);
        assert.equal(saved.at(-1) === "gone", phase === "removing");
      });
    }

    it("takes over what runs, paused or not", async () => {
      const { container, runtime, events, settled } = aHandMade(aRecord({}, ran), new FakeClock());
      runtime.run();
      runtime.isFrozen = true;
      await container.adopt();
      assert.deepEqual([container.isRunning, container.isPaused], [true, true]);
      assert.equal(runtime.calls.includes("launch"), false);
      runtime.finish(0);
      await settled();
      assert.equal(events.at(-1)?.startsWith("die 0"), true);
    });
  });
});
