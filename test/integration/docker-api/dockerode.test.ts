import { join } from "node:path";
import { runScript } from "../../support/consumer-scripts.ts";
import { TestCluster } from "../../support/test-cluster.ts";
import { testdataFolder } from "../../support/testdata.ts";
import { webImage } from "../../support/web-image.ts";

describe("dockerode drives the cluster", function () {
  this.timeout(120_000);
  let cluster: TestCluster;

  before(async () => {
    const images = [webImage("1"), webImage("2")];
    cluster = await TestCluster.create({ managers: 1, workers: 1, spares: 1, images });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  for (const [script, what] of [
    ["cluster", "system, nodes and swarm"],
    ["objects", "secrets, configs, networks, volumes, images and events"],
    ["services", "services, tasks, logs, updates, containers and exec"],
  ] as const) {
    it(what, async () => {
      const file = join(testdataFolder("dockerode"), `${script}.mjs`);
      await runScript(cluster, process.execPath, [file]);
    });
  }
});
