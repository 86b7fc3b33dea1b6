import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../../src/base/assert.ts";
import { dockerRunner, type StepGroup, StepRunner } from "../../support/command-steps.ts";
import { TestCluster } from "../../support/test-cluster.ts";
import { testdataFolder } from "../../support/testdata.ts";
import { webImage } from "../../support/web-image.ts";
import { containerSteps } from "./container-steps.ts";
import { listSteps } from "./list-steps.ts";
import { objectSteps } from "./object-steps.ts";
import { runSteps } from "./run-steps.ts";
import { serviceSteps } from "./service-steps.ts";
import { stackSteps } from "./stack-steps.ts";
import { leaveSteps, swarmSteps } from "./swarm-steps.ts";

const hasDocker = spawnSync("docker", ["--version"]).status === 0;
const title = hasDocker ? "" : " (skipped: no docker binary on this machine)";
const groups: readonly StepGroup[] = [
  ...swarmSteps,
  ...objectSteps,
  ...containerSteps,
  ...runSteps,
  ...listSteps,
  ...serviceSteps,
  ...stackSteps,
  ...leaveSteps,
];

describe(`commands of the stock docker CLI${title}`, function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  let runner: StepRunner;

  before(async function () {
    if (!hasDocker) this.skip();
    const images = [webImage("1"), webImage("2")];
    cluster = await TestCluster.create({ managers: 0, spares: 2, images });
    const [first, second] = cluster.spares.map(({ socket, host }) => {
      const config = join(host.stateDir, "docker-config");
      mkdirSync(config, { recursive: true });
      return dockerRunner(socket, config, testdataFolder("docker-cli"));
    });
    runner = new StepRunner(must(first, "runner"), must(second, "runner"), {
      firstIp: must(cluster.spares[0], "host").host.ip,
      folder: must(cluster.spares[0], "host").host.stateDir,
    });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  for (const group of groups) {
    describe(group.title, () => {
      for (const step of group.steps) {
        it(`docker ${step.run.replaceAll(/\s+/g, " ").slice(0, 110)}`, async () => {
          await runner.check(step);
        });
      }
    });
  }
});
