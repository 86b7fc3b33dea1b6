import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import { failed, skep, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";

describe("skep volume on a real daemon", function () {
  this.timeout(40_000);
  let cluster: TestCluster;
  let daemon: TestDaemon;

  before(async () => {
    cluster = await TestCluster.create({ managers: 0, spares: 1 });
    daemon = must(cluster.spares[0], "the daemon");
  });
  after(async () => await cluster?.destroy());

  const run = (line: string): Promise<string> => skep(daemon, "volume", ...line.split(" "));

  it("creates, lists, shows and removes", async () => {
    assert.equal(await run("create --label tier=db store"), "store\n");
    assert.match(await run("create"), /^[0-9a-f]{64}\n$/);
    // Names of the one kind sort before those of the other.
    assert.match(await run("ls"), /^VOLUME NAME +DRIVER\n[0-9a-f]{64} +local\nstore +local\n$/);
    assert.equal(await run("ls -q --filter label=tier=db"), "store\n");
    assert.match(await run("inspect store"), /"Mountpoint": "\/.+\/store/);
    assert.equal(await run("rm store"), "store\n");
    assert.match(failed("rm", await daemon.skep("volume", "rm", "store")), /no such volume/);
    assert.equal(await run("rm --force store"), "store\n");
  });

  it("removes what nothing uses only when told to", async () => {
    await run("create kept");
    assert.match(failed("prune", await daemon.skep("volume", "prune")), /say --force/);
    assert.match(await run("prune --force"), /^[0-9a-f]{64}\nTotal reclaimed space: \S+\n$/);
    assert.match(await run("prune --all --force"), /^kept\nTotal reclaimed space: \S+\n$/);
    assert.equal(await run("ls -q"), "");
  });
});
