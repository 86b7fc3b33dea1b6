import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { must } from "../../src/base/assert.ts";
import { onSmallDisk, type SmallDisk } from "../support/consensus-faults.ts";
import {
  allReachable,
  assertSameContainers,
  progressOn,
  runScenario,
  startWorkload,
} from "../support/consensus-scenario.ts";
import { pidsOf, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

for (const size of [3, 5]) {
  describe(`${size} managers, and one's disk is full`, function () {
    this.timeout(150_000);
    const disks = new Map<TestDaemon, SmallDisk>();
    let cluster: TestCluster;
    let containers: Map<string, number>;

    before(async () => {
      cluster = await TestCluster.create({ managers: size, images: [webImage("1")] });
      await startWorkload(cluster, size);
      containers = pidsOf(await cluster.containersOf("web"));
      for (const daemon of cluster.managers) {
        disks.set(daemon, await onSmallDisk(daemon, 32));
        await allReachable(cluster);
      }
    });

    after(async function () {
      this.timeout(30_000);
      await cluster?.destroy();
    });

    for (const who of ["leader", "follower"] as const) {
      it(`a ${who} steps down at once and says why; the others go on; it heals with space and a restart`, async () => {
        await runScenario(cluster, async (load) => {
          const leader = await cluster.leader();
          const victim =
            who === "leader"
              ? leader
              : must(
                  cluster.managers.find((daemon) => daemon !== leader),
                  "a follower",
                );
          const rest = cluster.managers.filter((daemon) => daemon !== victim);
          const disk = must(disks.get(victim), "its disk");
          await disk.fill();
          // Room that was made before is used up first: up to 1 MiB, which a busy machine fills slowly.
          await until("the end of the daemon", 60_000, () => victim.pid === undefined);
          const log = readFileSync(victim.logFile, "utf8")
            .trimEnd()
            .split("\n")
            .slice(-10)
            .join("\n");
          assert.match(log, /No space left on device/);
          assert.match(log, /the raft log cannot be written/);
          await progressOn(load, rest);
          disk.free();
          await victim.start();
          await progressOn(load, [victim]);
        });
      });
    }

    it("has left every container as it was", async () => {
      await assertSameContainers(cluster, containers);
    });
  });
}
