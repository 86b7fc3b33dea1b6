import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../src/base/assert.ts";
import type { TaskJson } from "../src/rest/wire/task.ts";
import { docker, getJson, serviceOf } from "../test/support/test-cluster.ts";
import { type DaemonKind, TestDaemon } from "../test/support/test-daemon.ts";
import type { TestHost } from "../test/support/test-hosts.ts";
import { buildTestImage } from "../test/support/test-image.ts";
import { until } from "../test/support/until.ts";
import { makeCluster, timed } from "./client-script.ts";

/** Seconds that each of the works took. */
export interface OrchestrationFigures {
  readonly update: number;
  readonly up: number;
  readonly down: number;
}

const service = "bench";
const updatedTasks = 60;
const scaledTasks = 100;
const quietMs = 3_000;

/** Obeys SIGTERM at once, so that what is measured is not how long containers take to give up. */
const command = "trap 'exit 0' TERM; sleep 100000 & wait";

/** The same script for either daemon: three managers on fresh hosts, driven by the stock docker CLI. */
export async function runOrchestration(
  kind: DaemonKind,
  hosts: readonly TestHost[],
  tell: (text: string) => void,
): Promise<OrchestrationFigures> {
  const daemons = hosts.map((host) => new TestDaemon(host, kind));
  for (const daemon of daemons) await daemon.start();
  const first = must(daemons[0], "the first manager");
  await makeCluster(first, daemons.slice(1));
  for (const version of [1, 2]) await loadImage(daemons, version);

  tell(`rolling update of ${updatedTasks} tasks`);
  await create(first, updatedTasks);
  await until("a quiet service", 180_000, async () => (await running(first)) === updatedTasks, 100);
  await pause();
  const update = await timed(() => updateImage(first));
  await docker(first, "service", "rm", service);
  await until("no service", 180_000, async () => (await running(first)) === 0, 100);

  tell(`scale 1 to ${scaledTasks} and to 0`);
  await create(first, 1);
  await until("one task", 60_000, async () => (await running(first)) === 1, 100);
  await pause();
  const up = await timed(() => scale(first, scaledTasks));
  await pause();
  const down = await timed(() => scale(first, 0));
  return { update, up, down };
}

async function create(by: TestDaemon, replicas: number): Promise<void> {
  const update = "--update-parallelism 10 --update-delay 0s --update-monitor 1s".split(" ");
  const flags = ["-d", "--name", service, "--replicas", `${replicas}`, "--no-resolve-image"];
  await docker(by, "service", "create", ...flags, ...update, tagOf(1));
}

/** Until the daemon says that the update is complete. */
async function updateImage(by: TestDaemon): Promise<void> {
  await docker(by, "service", "update", "-d", "--no-resolve-image", "--image", tagOf(2), service);
  await until(
    "the update's end",
    300_000,
    async () => {
      const found = await serviceOf(by, service).catch(() => undefined);
      return found?.UpdateStatus?.State === "completed";
    },
    50,
  );
}

async function scale(by: TestDaemon, count: number): Promise<void> {
  await docker(by, "service", "scale", "-d", `${service}=${count}`);
  await until(`${count} running tasks`, 300_000, async () => (await running(by)) === count, 50);
}

/** Tasks of any service that the API shows as running (-1: it does not say), whatever they shall become; those told to stop count until they have stopped. */
async function running(by: TestDaemon): Promise<number> {
  const tasks = await getJson<TaskJson[]>(by, "/tasks").catch(() => undefined);
  if (tasks === undefined) return -1; // On a busy machine the answer may not come in time: it is asked again.
  return tasks.filter(({ Status }) => Status.State === "running").length;
}

async function loadImage(daemons: readonly TestDaemon[], version: number): Promise<void> {
  const path = join(must(daemons[0], "a manager").host.stateDir, "image.tar");
  const env = ["PATH=/bin", `VERSION=${version}`];
  writeFileSync(
    path,
    await buildTestImage({ tag: tagOf(version), cmd: ["/bin/sh", "-c", command], env }),
  );
  for (const daemon of daemons) await docker(daemon, "load", "-q", "-i", path);
}

function tagOf(version: number): string {
  return `skep-obeys:${version}`;
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, quietMs));
}
