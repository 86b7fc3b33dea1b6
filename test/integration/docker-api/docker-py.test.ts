import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { runScript } from "../../support/consumer-scripts.ts";
import { TestCluster } from "../../support/test-cluster.ts";
import { testdataFolder } from "../../support/testdata.ts";
import { webImage } from "../../support/web-image.ts";

// Debian's own Python, for which python3-docker is: another one in the path may have another library.
const python = "/usr/bin/python3";
const probe = spawnSync(python, ["-c", "import docker"], { timeout: 30_000 });
const title = probe.status === 0 ? "" : " (skipped: no python3-docker on this machine)";

/** Scripts in testdata, and what each is about. In this order on one cluster; each leaves nothing behind. */
const scripts = [
  ["system", "ping, version, info and disk usage, in the oldest and the newest version of the API"],
  ["nodes", "nodes"],
  ["secrets_and_configs", "secrets and configs"],
  ["networks", "networks"],
  ["images", "images"],
  ["services", "services: create, scale, update, force, logs, tasks"],
  ["service_spec", "services: everything a spec can say, seen in the container"],
  ["containers", "containers and volumes: exec, logs, top, stats, kill, wait"],
  ["events", "events, live and past"],
  ["swarm", "swarm: init, update, join, leave"],
] as const;

describe(`docker-py drives the cluster${title}`, function () {
  this.timeout(120_000);
  let cluster: TestCluster;

  before(async function () {
    if (probe.status !== 0) this.skip();
    const images = [webImage("1"), webImage("2")];
    cluster = await TestCluster.create({ managers: 1, workers: 1, spares: 1, images });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  for (const [script, what] of scripts) {
    it(what, async () => {
      await runScript(cluster, python, [join(testdataFolder("docker-py"), `${script}.py`)]);
    });
  }
});
