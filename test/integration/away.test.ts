import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import { nodeIdOf, nodesOf, skep, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";

describe("a manager that was away while others came and went", function () {
  this.timeout(120_000);
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.create({ managers: 4 });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  it("votes for one that it saw demoted, and that was promoted again meanwhile, when nobody else can lead", async () => {
    const [first, again, out, away] = cluster.managers.map((one) => must(one, "a manager"));
    assert.ok(first && again && out && away);
    const ids = new Map<TestDaemon, string>();
    for (const daemon of cluster.managers) ids.set(daemon, await nodeIdOf(daemon));
    const isMember = async (daemon: TestDaemon, by: TestDaemon): Promise<boolean | undefined> => {
      const nodes = await nodesOf(by).catch(() => undefined);
      const node = nodes?.find(({ ID }) => ID === ids.get(daemon));
      return node && node.ManagerStatus?.Reachability === "reachable";
    };
    const idOf = (daemon: TestDaemon): string => must(ids.get(daemon), "its id");

    await skep(first, "node", "demote", idOf(again));
    await until("a worker by the word of all", 20_000, async () => {
      const lists = await Promise.all([first, away].map((by) => nodesOf(by).catch(() => [])));
      return lists.every((nodes) =>
        nodes.some((node) => node.ID === idOf(again) && node.ManagerStatus === undefined),
      );
    });
    await until("it lives as a worker", 20_000, async () => {
      return (await again.api("GET", "/nodes")).status === 503;
    });
    await away.stop("SIGKILL");
    await skep(first, "node", "promote", idOf(again));
    await until("it is back", 30_000, async () => (await isMember(again, first)) === true);
    await skep(first, "node", "demote", idOf(out));
    await until("out of raft", 30_000, async () => (await isMember(out, first)) === false);
    await first.stop("SIGKILL");

    await away.start();
    await until("the two lead and follow", 30_000, async () => {
      const leader = (await nodesOf(away).catch(() => [])).find(
        ({ ManagerStatus }) => ManagerStatus?.Leader === true,
      );
      return leader?.ID === idOf(again);
    });
    await skep(away, "node", "update", "--label-add", "written=here", idOf(away));
  });
});
