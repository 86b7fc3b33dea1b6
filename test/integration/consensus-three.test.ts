import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import { lostOf } from "../support/consensus-check.ts";
import { cutOneWay, healOneWay } from "../support/consensus-faults.ts";
import type { LoadHistory } from "../support/consensus-load.ts";
import {
  assertSameContainers,
  pause,
  progressOn,
  runScenario,
  startWorkload,
} from "../support/consensus-scenario.ts";
import { checkLinearizable } from "../support/linearizability.ts";
import { registerModel } from "../support/linearizability-register.ts";
import { pidsOf, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { webImage } from "../support/web-image.ts";

const noLeader = /does not have a leader|too few managers|more than half of the managers/;
/** Of a call that was with the leader when it was killed. */
const leaderLost = /connection to the leader was lost/;

describe("what clients see of three managers while some fail", function () {
  this.timeout(90_000);
  let cluster: TestCluster;
  let containers: Map<string, number>;
  let recorded: LoadHistory | undefined;

  before(async () => {
    cluster = await TestCluster.create({ managers: 3, images: [webImage("1")] });
    await startWorkload(cluster, 3);
    containers = pidsOf(await cluster.containersOf("web"));
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  const others = (daemon: TestDaemon): TestDaemon[] =>
    cluster.managers.filter((other) => other !== daemon);

  it("kill -9 of the leader, twice, and of a follower", async () => {
    recorded = await runScenario(cluster, async (load) => {
      for (const isLeader of [true, false, true]) {
        const leader = await cluster.leader(await anAnsweringOne());
        const victim = isLeader ? leader : must(others(leader)[0], "a follower");
        await victim.stop("SIGKILL");
        await progressOn(load, others(victim));
        await victim.start();
        await progressOn(load, [victim]);
      }
    });
  });

  it("finds a planted stale read, lost write and lost config in that very history", () => {
    const history = must(recorded, "the history of the test before");
    const { operations } = history;
    assert.ok(checkLinearizable(registerModel, operations).ok);
    const swaps = operations.filter(
      ({ input, returned }) =>
        input.kind === "cas" && returned?.output.kind === "swapped" && returned.output.swapped,
    );
    const swap = must(swaps[Math.floor(swaps.length / 2)], "a swap");
    const lost = operations.filter((operation) => operation !== swap);
    assert.equal(checkLinearizable(registerModel, lost).ok, false, "a write nobody made is read");
    const refused = operations.map((operation) => {
      if (operation !== swap || operation.returned === undefined) return operation;
      const output = { kind: "swapped", swapped: false } as const;
      return { ...operation, returned: { at: operation.returned.at, output } };
    });
    assert.equal(checkLinearizable(registerModel, refused).ok, false, "done though refused");
    const last = must(operations.at(-1), "the last read");
    const stale = {
      ...last,
      key: swap.key,
      calledAt: last.calledAt + 1e6,
      returned: { at: last.calledAt + 2e6, output: { kind: "value", value: "0" } as const },
    };
    assert.equal(checkLinearizable(registerModel, [...operations, stale]).ok, false, "stale read");
    const names = [...history.created];
    assert.deepEqual(lostOf(history, new Set(names.slice(1))), names.slice(0, 1));
  });

  it("SIGSTOP of the leader for longer than an election, then SIGCONT", async () => {
    await runScenario(cluster, async (load) => {
      for (let turn = 0; turn < 2; turn += 1) {
        const leader = await cluster.leader();
        const rest = others(leader);
        leader.signal("SIGSTOP");
        try {
          await progressOn(load, rest);
          await pause(500);
        } finally {
          leader.signal("SIGCONT");
        }
        await progressOn(load, [leader]);
      }
    });
  });

  it("a leader that is cut off, with clients on both sides", async () => {
    const history = await runScenario(cluster, async (load) => {
      const leader = await cluster.leader();
      await leader.host.partition();
      try {
        await progressOn(load, others(leader));
        await pause(3_000);
      } finally {
        await leader.host.heal();
      }
      await progressOn(load, [leader]);
    });
    const slow = history.calls.filter(({ startMs, endMs }) => endMs - startMs > 6_000);
    assert.deepEqual(slow, [], "every call is answered within 5 s (and a busy machine's second)");
  });

  for (const direction of ["out", "in"] as const) {
    it(`a leader whose messages pass one way only: cut ${direction}wards`, async () => {
      await runScenario(cluster, async (load) => {
        const leader = await cluster.leader();
        const rest = others(leader);
        await cutOneWay(
          leader.host,
          rest.map(({ host }) => host),
          direction,
        );
        try {
          await progressOn(load, rest);
        } finally {
          await healOneWay(leader.host);
        }
        await progressOn(load, [leader]);
      });
    });
  }

  it("no quorum: every call is refused within 5 s, containers run on", async () => {
    const history = await runScenario(cluster, async () => {
      const [, second, third] = cluster.managers;
      const victims = [must(second, "a manager"), must(third, "a manager")];
      await Promise.all(victims.map((daemon) => daemon.stop("SIGKILL")));
      await pause(6_000);
      await Promise.all(victims.map((daemon) => daemon.start()));
    });
    const slow = history.calls.filter(({ startMs, endMs }) => endMs - startMs > 6_000);
    assert.deepEqual(slow, []);
    // The first manager is the one that lives.
    const refusals = history.calls.filter(
      ({ client, outcome }) => client.startsWith("c0.") && outcome === "unknown",
    );
    assert.ok(refusals.length > 0, "clients of the living manager were refused");
    const unclear = refusals.filter(
      ({ message }) => !noLeader.test(message) && !leaderLost.test(message),
    );
    assert.ok(refusals.some(({ message }) => noLeader.test(message)));
    assert.deepEqual(unclear, [], "each refusal says why");
  });

  it("has left every container as it was", async () => {
    await assertSameContainers(cluster, containers);
  });

  async function anAnsweringOne(): Promise<TestDaemon> {
    return await Promise.any(
      cluster.managers.map(async (daemon) => {
        await daemon.api("GET", "/nodes", undefined, 9_000);
        return daemon;
      }),
    );
  }
});
