import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../src/base/assert.ts";
import { containerSteps } from "../test/integration/docker-cli/container-steps.ts";
import { listSteps } from "../test/integration/docker-cli/list-steps.ts";
import { objectSteps } from "../test/integration/docker-cli/object-steps.ts";
import { runSteps } from "../test/integration/docker-cli/run-steps.ts";
import { serviceSteps } from "../test/integration/docker-cli/service-steps.ts";
import { stackSteps } from "../test/integration/docker-cli/stack-steps.ts";
import { leaveSteps, swarmSteps } from "../test/integration/docker-cli/swarm-steps.ts";
import { dockerRunner, problemOf, type Step, StepRunner } from "../test/support/command-steps.ts";
import { type DaemonKind, TestDaemon } from "../test/support/test-daemon.ts";
import { createHosts } from "../test/support/test-hosts.ts";
import { buildTestImage } from "../test/support/test-image.ts";
import { testdataFolder } from "../test/support/testdata.ts";
import { webImage } from "../test/support/web-image.ts";
import { differencesPage, type Outcome } from "./differences-page.ts";
import { installPeer } from "./install-peer.ts";

// Runs the commands of the compatibility suite against a real dockerd and against skepd, and writes docs/compatibility.md.

const groups = [
  ...swarmSteps,
  ...objectSteps,
  ...containerSteps,
  ...runSteps,
  ...listSteps,
  ...serviceSteps,
  ...stackSteps,
  ...leaveSteps,
];

const missing = await installPeer();
if (missing !== undefined) throw new Error(`there is no dockerd to compare with: ${missing}`);
const theirs = await outcomesOf("dockerd");
const ours = await outcomesOf("skepd");
const page = differencesPage(groups, theirs, ours);
writeFileSync(process.argv[2] ?? "docs/compatibility.md", page.text);
console.log(page.summary);

/** What each command did on two hosts with daemons of that kind. */
async function outcomesOf(kind: DaemonKind): Promise<Map<Step, Outcome>> {
  console.log(`running the commands against ${kind}`);
  const network = await createHosts(2);
  try {
    const daemons = network.hosts.map((host) => new TestDaemon(host, kind));
    await Promise.all(daemons.map((daemon) => daemon.start()));
    for (const daemon of daemons) await loadImages(daemon);
    const [first, second] = daemons.map(({ socket, host }) => {
      const config = join(host.stateDir, "docker-config");
      mkdirSync(config, { recursive: true });
      return dockerRunner(socket, config, testdataFolder("docker-cli"));
    });
    const { ip, stateDir } = must(daemons[0], "daemon").host;
    const values = { firstIp: ip, folder: stateDir };
    const runner = new StepRunner(must(first, "first"), must(second, "second"), values);
    const outcomes = new Map<Step, Outcome>();
    for (const { steps } of groups) {
      for (const step of steps) outcomes.set(step, await outcomeOf(runner, step));
    }
    return outcomes;
  } finally {
    await network.destroy();
  }
}

async function outcomeOf(runner: StepRunner, step: Step): Promise<Outcome> {
  const untilMs = Date.now() + (step.withinMs ?? 0);
  for (;;) {
    const result = await runner.run(step);
    const problem = problemOf(step, result);
    if (problem === undefined || Date.now() >= untilMs) return { ...result, problem };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function loadImages(daemon: TestDaemon): Promise<void> {
  for (const version of ["1", "2"]) {
    const path = join(daemon.host.stateDir, `image${version}.tar`);
    writeFileSync(path, await buildTestImage(webImage(version)));
    const loaded = await daemon.docker("image", "load", "-i", path);
    if (loaded.exitCode !== 0) throw new Error(`image not loaded: ${loaded.stderr}`);
  }
}
