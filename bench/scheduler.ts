import { cpus, loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { must } from "../src/base/assert.ts";
import { systemClock } from "../src/base/clock.ts";
import { collectOftenAndShortly } from "../src/base/heap.ts";
import { silentLogger } from "../src/base/log.ts";
import { systemRandom } from "../src/base/random.ts";
import type { PlacementStore } from "../src/scheduler/placement-store.ts";
import { SchedulerLoop } from "../src/scheduler/scheduler-loop.ts";
import { compactTask } from "../src/store/sharing-codec.ts";
import { Store } from "../src/store/store.ts";
import { aNode, aTask, aTaskSpec } from "../test/support/builders.ts";
import { LaterProposer, PlainStore } from "./scheduler-store.ts";
import { measureStretches, type Stretches, threadCpuMs } from "./stretches.ts";

// Places tasks with constraints, reservations and a spread preference, by the daemon's own scheduling loop, in this process.
// Usage: scheduler [--tasks N] [--nodes N] [--services N] [--logged N]

const { values: options } = parseArgs({
  options: {
    tasks: { type: "string", default: "1000000" },
    nodes: { type: "string", default: "10000" },
    services: { type: "string", default: "100" },
    logged: { type: "string", default: "100000" },
  },
});
const zones = 20;
const peers = [
  { what: "Nomad 1.1, C1M and C2M (published)", perSecond: 3_750 },
  { what: "kube-scheduler, the least its own benchmark allows (published)", perSecond: 810 },
];

interface Result extends Stretches {
  readonly placed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

collectOftenAndShortly(); // as the daemon does
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const [tasks, nodes, services, logged] = [
  options.tasks,
  options.nodes,
  options.services,
  options.logged,
].map(Number) as [number, number, number, number];
const load = loadavg().map((one) => one.toFixed(1));
print(`${cpus().length} cores, Node ${process.version}, load average ${load.join(", ")}`);
print(
  `${nodes} nodes; ${services} services with a constraint, reservations, spread over ${zones} zones`,
);
tell(`${tasks} tasks, the scheduler alone`, await place(plainStoreOf(tasks), tasks));
if (logged > 0) {
  tell(`${logged} tasks, the whole store on a log in memory`, await place(storeOf(logged), logged));
}
for (const { what, perSecond } of peers) print(`${what}: ${perSecond} placements/s`);

async function place(store: PlacementStore, count: number): Promise<Result> {
  const deps = { store, clock: systemClock, random: systemRandom, log: silentLogger };
  const loop = new SchedulerLoop(deps);
  let placed = 0;
  let all = () => {};
  const done = new Promise<void>((resolve) => {
    all = resolve;
  });
  store.subscribe((events) => {
    for (const { table, object } of events)
      if (table === "task" && object.nodeId !== "") placed += 1;
    if (placed >= count) all();
  });
  collectGarbage(); // what making the objects left behind is not the scheduler's
  await pause(1_000); // it is swept up by other threads then
  const [startMs, startCpuMs] = [performance.now(), threadCpuMs()];
  const stretches = await measureStretches(async () => {
    loop.start();
    await done;
    await loop.stop();
  });
  const seconds = (performance.now() - startMs) / 1000;
  return { placed, seconds, cpuSeconds: (threadCpuMs() - startCpuMs) / 1000, ...stretches };
}

function plainStoreOf(count: number): PlacementStore {
  const store = new PlainStore();
  for (const node of nodeObjects()) store.nodes.set(node.id, node);
  for (const task of taskObjects(count)) store.tasks.set(task.id, task);
  return store;
}

function storeOf(count: number): PlacementStore {
  const proposer = new LaterProposer();
  const store = new Store({ proposer, clock: systemClock, log: silentLogger });
  proposer.attach(store.stateMachine);
  for (const node of nodeObjects()) store.stateMachine.tables.node.put(node);
  for (const task of taskObjects(count)) store.stateMachine.tables.task.put(task);
  return store;
}

function nodeObjects() {
  return Array.from({ length: nodes }, (_, number) =>
    aNode({
      id: `node${String(number).padStart(21, "0")}`,
      spec: {
        annotations: {
          labels: { zone: `zone-${number % zones}`, disk: number % 4 === 0 ? "hdd" : "ssd" },
        },
        desiredRole: "WORKER",
        availability: "ACTIVE",
      },
      description: {
        hostname: `host${number}`,
        platform: { architecture: "x86_64", os: "linux" },
        resources: { nanoCpus: 64e9, memoryBytes: 512 * 2 ** 30 },
      },
    }),
  );
}

function* taskObjects(count: number) {
  const templates = Array.from({ length: services }, (_, number) =>
    aTask({
      serviceId: `service${String(number).padStart(18, "0")}`,
      nodeId: "",
      status: { state: "PENDING", message: "pending task scheduling", timestamp: { seconds: 1 } },
      spec: aTaskSpec({
        resources: { reservations: { nanoCpus: 1e8, memoryBytes: 64 * 2 ** 20 } },
        placement: {
          constraints: [number % 2 === 0 ? "node.labels.disk==ssd" : "node.role==worker"],
          preferences: [{ spread: { descriptor: "node.labels.zone" } }],
        },
      }),
    }),
  );
  for (let number = 0; number < count; number += 1) {
    const template = must(templates[number % services], "a template");
    const task = compactTask(template, template.spec);
    task.id = `task${String(number).padStart(21, "0")}`;
    task.slot = Math.floor(number / services) + 1;
    task.meta = template.meta; // the store shares equal parts
    task.status = template.status;
    yield Object.freeze(task);
  }
}

function tell(what: string, result: Result): void {
  const { placed, seconds, cpuSeconds, cpuMaxMs, cpuP999Ms, workMaxMs, wallMaxMs } = result;
  print(
    `${what}: ${placed} placed in ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of CPU): ${(placed / seconds).toFixed(0)} placements/s; ` +
      `longest stretch ${cpuMaxMs.toFixed(1)} ms of CPU (99.9 %: ${cpuP999Ms.toFixed(1)} ms), ${workMaxMs.toFixed(1)} ms without garbage collections, ${wallMaxMs.toFixed(1)} ms by the clock`,
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
