import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { systemClock } from "../src/base/clock.ts";
import { silentLogger } from "../src/base/log.ts";
import type { ServiceInput } from "../src/gen/skep/Service.ts";
import type { TaskInput } from "../src/gen/skep/Task.ts";
import type { TaskSpecInput } from "../src/gen/skep/TaskSpec.ts";
import type { RaftNode } from "../src/raft/node/raft-node.ts";
import { completeObject } from "../src/store/object-codecs.ts";
import { tableNames } from "../src/store/objects.ts";
import { Store } from "../src/store/store.ts";
import type { Transaction } from "../src/store/store-view.ts";
import { type MemberRequest, type MemberStretches, runMember, tell } from "./member.ts";
import { StretchWatch } from "./stretches.ts";

// A member whose state is the cluster's store. A put changes the status of one task, as a worker's report does.
// Usage: large-state-member OPTIONS-AS-JSON

const store = new Store({
  proposer: { propose: (data) => node.propose(data) },
  clock: systemClock,
  log: silentLogger,
});
const node: RaftNode = await runMember(store.stateMachine, async ({ key }) => {
  const number = Number(key.toString().replace(/\D/g, ""));
  await store.update((tx) => {
    const task = tx.get("task", taskId(number));
    if (task === undefined) throw new Error(`there is no task ${number}`);
    if (task.status === null) throw new Error(`task ${number} has no status`);
    const message = `update of ${task.meta?.version?.index ?? 0}`;
    tx.update("task", { ...task, status: { ...task.status, message } });
  });
});
const delay = monitorEventLoopDelay({ resolution: 1 });
const stretches = new StretchWatch();
let isWatching = false;
let fullCollections = 0;
new PerformanceObserver((list) => {
  fullCollections += list.getEntries().filter(isFullCollection).length;
}).observe({ entryTypes: ["gc"] });
process.on("message", (request: MemberRequest) => {
  if (request.kind === "fill") void fill(request.services, request.tasks);
  else if (request.kind === "watchStretches") watchStretches();
  else if (request.kind === "report") report(request.restarts === true);
});
tell({ kind: "ready" });

function isFullCollection(entry: object): boolean {
  const detail: unknown = "detail" in entry ? entry.detail : undefined;
  if (typeof detail !== "object" || detail === null || !("kind" in detail)) return false;
  return detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}

function watchStretches(): void {
  isWatching = true;
  delay.enable();
  stretches.start();
}

function toldStretches(): MemberStretches {
  return {
    longestMs: delay.max / 1e6,
    longestCpuMs: stretches.longestMs,
    p99Ms: delay.percentile(99) / 1e6,
  };
}

function report(restarts: boolean): void {
  const { applied, voters } = node.status();
  const view = store.view();
  tell({
    kind: "report",
    applied,
    voters: voters.length,
    objects: tableNames.reduce((sum, table) => sum + view.count(table), 0),
    heapUsedBytes: process.memoryUsage().heapUsed,
    fullCollections,
    ...(isWatching ? { stretches: toldStretches() } : {}),
  });
  if (!restarts) return;
  delay.reset();
  stretches.restart();
  fullCollections = 0;
}

async function fill(services: number, tasks: number): Promise<void> {
  const start = performance.now();
  await store.batch(changes(services, tasks));
  tell({ kind: "filled", seconds: (performance.now() - start) / 1000 });
}

function* changes(services: number, tasks: number): Generator<(tx: Transaction) => void> {
  for (let number = 0; number < services; number += 1) {
    yield (tx) => tx.create("service", completeObject("service", serviceOf(number)));
  }
  for (let number = 0; number < tasks; number += 1) {
    yield (tx) => tx.create("task", completeObject("task", taskOf(number, number % services)));
  }
}

function taskId(number: number): string {
  return `task${String(number).padStart(21, "0")}`;
}

// About 1.1 KB a task in a snapshot: a container with an environment, labels and mounts as people write them.
function specOf(service: number): TaskSpecInput {
  const env = Array.from(
    { length: 12 },
    (_, at) => `SETTING_${at}=of-service-${service}-${"v".repeat(24)}`,
  );
  const mount = (at: number) => ({
    type: "VOLUME" as const,
    source: `data-${at}`,
    target: `/var/lib/${at}`,
  });
  return {
    container: {
      image: `registry.example.org/team/service-${service}:1.4.2@sha256:${"ab".repeat(32)}`,
      command: ["/usr/bin/service", "--listen", "0.0.0.0:8080"],
      env,
      labels: { "com.example.team": `team-${service % 10}`, "com.example.tier": "backend" },
      mounts: [mount(1), mount(2)],
    },
    resources: { limits: { nanoCpus: 500_000_000, memoryBytes: 256 * 1024 * 1024 } },
  };
}

function serviceOf(number: number): ServiceInput {
  return {
    id: `service${String(number).padStart(18, "0")}`,
    spec: {
      annotations: { name: `service-${number}` },
      task: specOf(number),
      replicated: { replicas: 1000 },
    },
  };
}

function taskOf(number: number, service: number): TaskInput {
  return {
    id: taskId(number),
    serviceId: `service${String(service).padStart(18, "0")}`,
    slot: Math.floor(number / 100) + 1,
    nodeId: `node${String(number % 50).padStart(21, "0")}`,
    spec: specOf(service),
    serviceAnnotations: { name: `service-${service}` },
    specVersion: { index: 1 },
    desiredState: "RUNNING",
    status: {
      state: "RUNNING",
      message: "started",
      timestamp: { seconds: 1_760_000_000 + number },
      container: { containerId: "c".repeat(56) + String(number).padStart(8, "0"), pid: number },
    },
  };
}
