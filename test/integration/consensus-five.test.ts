import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import { cutOneWay, healOneWay } from "../support/consensus-faults.ts";
import {
  assertSameContainers,
  pause,
  progressOn,
  runScenario,
  startWorkload,
} from "../support/consensus-scenario.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { pidsOf, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { webImage } from "../support/web-image.ts";

const seed = Number(process.env["SKEP_CHAOS_SEED"] ?? Date.now() % 1_000_000);
const mixedMs = 12_000;

describe(`what clients see of five managers while some fail (seed ${seed})`, function () {
  this.timeout(100_000);
  const random = seededRandom(seed).float;
  let cluster: TestCluster;
  let containers: Map<string, number>;

  before(async () => {
    cluster = await TestCluster.create({ managers: 5, images: [webImage("1")] });
    await startWorkload(cluster, 5);
    containers = pidsOf(await cluster.containersOf("web"));
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  const others = (...out: TestDaemon[]): TestDaemon[] =>
    cluster.managers.filter((daemon) => !out.includes(daemon));
  const hosts = (daemons: readonly TestDaemon[]) => daemons.map(({ host }) => host);

  it("kill -9 of the leader and a follower at once", async () => {
    await runScenario(cluster, async (load) => {
      const leader = await cluster.leader();
      const second = must(others(leader)[0], "a follower");
      await Promise.all([leader.stop("SIGKILL"), second.stop("SIGKILL")]);
      await progressOn(load, others(leader, second));
      await Promise.all([leader.start(), second.start()]);
      await progressOn(load, [leader, second]);
    });
  });

  it("a minority with the leader in it, clients on both sides", async () => {
    await runScenario(cluster, async (load) => {
      const leader = await cluster.leader();
      const minority = [leader, must(others(leader)[0], "a follower")];
      const majority = others(...minority);
      for (const { host } of minority) await host.partition(hosts(majority));
      let since = performance.now();
      try {
        await progressOn(load, majority);
        since = performance.now();
        await pause(1_500);
        const done = minority.map((daemon) => load.succeeded(daemon, since));
        assert.deepEqual(done, [0, 0], "a minority neither writes nor reads");
      } finally {
        for (const { host } of minority) await host.heal();
      }
      await progressOn(load, minority);
    });
  });

  it("a bridge: two halves that only one manager reaches both of", async () => {
    await runScenario(cluster, async (load) => {
      const [a, b, bridge, c, d] = cluster.managers.map((daemon) => must(daemon, "a manager"));
      const left = [must(a, "a"), must(b, "b")];
      const right = [must(c, "c"), must(d, "d")];
      for (const { host } of left) await host.partition(hosts(right));
      try {
        await progressOn(load, [must(bridge, "the bridge")]);
        await pause(2_000);
      } finally {
        for (const { host } of left) await host.heal();
      }
    });
  });

  it("kills, pauses and cuts at random, of two managers at most", async () => {
    const faults = async (): Promise<void> => {
      const end = performance.now() + mixedMs;
      const disturb = async (own: readonly TestDaemon[]): Promise<void> => {
        while (performance.now() < end) {
          const victim = must(own[Math.floor(random() * own.length)], "a manager");
          await disturbOne(victim);
          await pause(200 + random() * 800);
        }
      };
      // Two nemeses with managers of their own, so that none undoes what the other does.
      const [a, b, c, d, e] = cluster.managers;
      const [left, right] = [
        [a, b],
        [c, d, e],
      ].map((list) => list.map((one) => must(one, "one")));
      await Promise.all([disturb(left ?? []), disturb(right ?? [])]);
    };
    await runScenario(cluster, faults);
    await assertSameContainers(cluster, containers);
  });

  async function disturbOne(victim: TestDaemon): Promise<void> {
    const lastMs = 300 + random() * 2_000;
    const kind = Math.floor(random() * 4);
    if (kind === 0) {
      await victim.stop("SIGKILL");
      await pause(lastMs / 2);
      await victim.start();
    } else if (kind === 1) {
      victim.signal("SIGSTOP");
      await pause(lastMs);
      victim.signal("SIGCONT");
    } else if (kind === 2) {
      await victim.host.partition();
      await pause(lastMs);
      await victim.host.heal();
    } else {
      await cutOneWay(victim.host, hosts(others(victim)), random() < 0.5 ? "in" : "out");
      await pause(lastMs);
      await healOneWay(victim.host);
    }
  }
});
