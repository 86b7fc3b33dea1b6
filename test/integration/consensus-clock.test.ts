import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import { withOwnClock } from "../support/consensus-faults.ts";
import {
  allReachable,
  assertSameContainers,
  pause,
  progressOn,
  runScenario,
  startWorkload,
} from "../support/consensus-scenario.ts";
import { nodeIdOf, nodesOf, pidsOf, skep, TestCluster } from "../support/test-cluster.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

for (const size of [3, 5]) {
  describe(`a leader of ${size} managers whose wall clock jumps`, function () {
    this.timeout(150_000);
    let cluster: TestCluster;

    before(async () => {
      cluster = await TestCluster.create({ managers: size, images: [webImage("1")] });
      await startWorkload(cluster, size);
    });

    after(async function () {
      this.timeout(30_000);
      await cluster?.destroy();
    });

    it("goes on through jumps of a day and a half, forth and back", async () => {
      const containers = pidsOf(await cluster.containersOf("web"));
      const leader = await cluster.leader();
      await leader.stop();
      const { daemon, set } = withOwnClock(leader, "+0s");
      await daemon.start();
      const rest = cluster.managers.filter((other) => other !== leader);
      try {
        // While it is the only manager, nobody else can lead; the others come back as its followers.
        await allReachable(cluster);
        const others = await Promise.all(rest.map(nodeIdOf));
        for (const id of others) {
          await skep(daemon, "node", "demote", id);
          await until("one manager less", 20_000, async () => {
            const nodes = await nodesOf(daemon).catch(() => []);
            return nodes.some(({ ID, ManagerStatus }) => ID === id && ManagerStatus === undefined);
          });
        }
        for (const id of others) await skep(daemon, "node", "promote", id);
        await allReachable(cluster);
        assert.equal(await cluster.leader(daemon), leader, "the one with the clock leads");
        await runScenario(cluster, async (load) => {
          for (const offset of ["+130000s", "-130000s", "+3600s", "+0s"]) {
            set(offset);
            await pause(1_500);
            await progressOn(load, [leader, ...rest]);
          }
          assert.equal(await cluster.leader(daemon), leader, "no jump cost it the lead");
          await must(rest[0], "another manager").stop("SIGKILL");
          await progressOn(load, [leader]);
          await must(rest[0], "another manager").start();
        });
        await assertSameContainers(cluster, containers);
      } finally {
        await daemon.stop();
      }
    });
  });
}
