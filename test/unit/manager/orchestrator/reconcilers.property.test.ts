import assert from "node:assert/strict";
import fc from "fast-check";
import type { ServiceSpecInput } from "../../../../src/gen/skep/ServiceSpec.ts";
import type { Task } from "../../../../src/gen/skep/Task.ts";
import { enforceConstraints } from "../../../../src/manager/orchestrator/constraint-enforcer.ts";
import { jobScheduleReconciler } from "../../../../src/manager/orchestrator/job-schedule-reconciler.ts";
import { nodeReconciler } from "../../../../src/manager/orchestrator/node-reconciler.ts";
import { reaperReconciler } from "../../../../src/manager/orchestrator/reaper-reconciler.ts";
import { rebalanceReconciler } from "../../../../src/manager/orchestrator/rebalance-reconciler.ts";
import { serviceReconciler } from "../../../../src/manager/orchestrator/service-reconciler.ts";
import { isUnassigned, isWanted } from "../../../../src/manager/orchestrator/task-facts.ts";
import { nodeInfoOf } from "../../../../src/scheduler/node-info.ts";
import { schedule } from "../../../../src/scheduler/schedule.ts";
import type { Reconciler } from "../../../../src/store/reconcile-loop.ts";
import { encodeEntry } from "../../../../src/store/store-entry.ts";
import { aNode, aService, aServiceSpec, aTask, aTaskSpec } from "../../../support/builders.ts";
import { createMemoryStore, type MemoryStore } from "../../../support/memory-proposer.ts";

// Whatever the store holds (also what no run of the cluster would lead to), each reconciler wants nothing more once it has had its way.

const nowMs = 1_700_000_500_000;
const nodeIds = ["n1", "n2", "n3"];
const version = 5;

const aStoredNode = fc.record({
  state: fc.constantFrom("READY_NODE" as const, "DOWN" as const, "UNKNOWN" as const),
  availability: fc.constantFrom("ACTIVE" as const, "PAUSE" as const, "DRAIN" as const),
  zone: fc.constantFrom("a", "b"),
  cpus: fc.nat(3),
});

const aStoredTask = fc.record({
  service: fc.constantFrom("s1", "s1", "s1", "ghost"),
  slot: fc.nat(4),
  node: fc.constantFrom(...nodeIds, "gone"),
  state: fc.constantFrom(
    ...(["NEW", "PENDING", "ASSIGNED", "PREPARING", "READY", "STARTING", "RUNNING"] as const),
    ...(["COMPLETE", "SHUTDOWN", "FAILED", "REJECTED", "ORPHANED"] as const),
  ),
  desired: fc.constantFrom("READY", "RUNNING", "RUNNING", "COMPLETE", "SHUTDOWN", "REMOVE"),
  isOld: fc.boolean(),
  moving: fc.boolean(),
  ageMs: fc.nat(100_000),
});

const aStoredService = fc.record({
  mode: fc.constantFrom("replicated", "global", "replicatedJob", "globalJob"),
  count: fc.nat(4),
  parallelism: fc.nat(2),
  order: fc.constantFrom("STOP_FIRST" as const, "START_FIRST" as const),
  failureAction: fc.constantFrom("PAUSE_UPDATE", "CONTINUE_UPDATE", "ROLLBACK_UPDATE"),
  update: fc.constantFrom(undefined, "UPDATING", "UPDATE_PAUSED", "ROLLBACK_STARTED"),
  maxAttempts: fc.nat(2),
  isConstrained: fc.boolean(),
  pendingDelete: fc.boolean(),
  rebalancing: fc.boolean(),
  schedule: fc.constantFrom(undefined, "* * * * *"),
  overlap: fc.constantFrom("skip", "queue", "replace"),
});

const aState = fc.record({
  nodes: fc.tuple(aStoredNode, aStoredNode, aStoredNode),
  service: aStoredService,
  tasks: fc.array(aStoredTask, { maxLength: 12 }),
});

type State = typeof aState extends fc.Arbitrary<infer T> ? T : never;

/** A replicated service whose tasks all run, on uneven nodes with room: the only state in which anything is rebalanced. */
const anUnevenState: fc.Arbitrary<State> = fc
  .tuple(aState, fc.array(fc.constantFrom("n1", "n1", "n1", "n2", "n3"), { minLength: 3 }))
  .map(([state, places]) => {
    const [one, two, three] = state.nodes;
    const able = { state: "READY_NODE", availability: "ACTIVE", cpus: 20 } as const;
    const task = { service: "s1", state: "RUNNING", desired: "RUNNING", isOld: false } as const;
    return {
      nodes: [
        { ...one, ...able },
        { ...two, ...able },
        { ...three, ...able },
      ],
      service: {
        ...state.service,
        ...{ mode: "replicated", count: places.length, update: undefined },
        ...{ pendingDelete: false, rebalancing: true, isConstrained: false },
      },
      tasks: places.map((node, at) => ({ ...task, slot: at + 1, node, moving: false, ageMs: 0 })),
    };
  });

/** A job with a schedule: the only service that runs by the clock. */
const aScheduledState: fc.Arbitrary<State> = fc
  .tuple(aState, fc.constantFrom("replicatedJob", "globalJob"))
  .map(([state, mode]) => ({
    ...state,
    service: { ...state.service, mode, schedule: "* * * * *", pendingDelete: false },
  }));

function modeOf({ mode, count }: State["service"]): ServiceSpecInput {
  if (mode === "global") return { global: {} };
  if (mode === "globalJob") return { globalJob: {} };
  if (mode === "replicated") return { replicated: { replicas: count } };
  return { replicatedJob: { totalCompletions: count, maxConcurrent: 2 } };
}

function specOf(service: State["service"], image: string): ServiceSpecInput {
  const { parallelism, order, failureAction, maxAttempts, schedule, overlap } = service;
  const isJob = service.mode.endsWith("Job");
  const labels: Record<string, string> =
    isJob && schedule !== undefined
      ? { "skep.schedule": schedule, "skep.schedule.overlap": overlap }
      : {};
  const update = { parallelism, order, failureAction };
  const task = aTaskSpec({
    container: { image },
    restart: { maxAttempts, delay: { seconds: 5 } },
    placement: { constraints: service.isConstrained ? ["node.labels.zone==a"] : [] },
    resources: { reservations: { nanoCpus: 1e9 } },
  });
  return {
    annotations: { name: "web", labels },
    task,
    update,
    rollback: update,
    ...modeOf(service),
  };
}

const at = (ms: number) => ({ seconds: Math.floor(ms / 1000) });

function storeOf({ nodes, service, tasks }: State): MemoryStore {
  const made = createMemoryStore();
  for (const [index, { state, availability, zone, cpus }] of nodes.entries()) {
    const id = nodeIds[index] ?? "";
    const spec = { annotations: { labels: { zone } }, availability };
    const description = { resources: { nanoCpus: cpus * 1e9, memoryBytes: 1e9 } };
    made.seed("node", aNode({ id, status: { state }, spec, description }));
  }
  made.seed(
    "service",
    aService({
      id: "s1",
      spec: aServiceSpec(specOf(service, "new")),
      specVersion: { index: version },
      previousSpec: aServiceSpec(specOf(service, "old")),
      previousSpecVersion: { index: version - 1 },
      pendingDelete: service.pendingDelete,
      rebalancing: service.rebalancing,
      jobStatus: { jobIteration: { index: 1 }, lastExecution: at(nowMs - 90_000) },
      ...(service.update ? { updateStatus: { state: service.update, startedAt: at(0) } } : {}),
    }),
  );
  for (const [index, given] of tasks.entries()) made.seed("task", taskOf(service, given, index));
  return made;
}

function taskOf(service: State["service"], given: State["tasks"][number], index: number): Task {
  const { state, desired, isOld, moving, ageMs } = given;
  const isPerNode = service.mode.startsWith("global");
  const isUnplaced = state === "NEW" || state === "PENDING";
  return aTask({
    id: `t${index}`,
    serviceId: given.service,
    slot: isPerNode ? 0 : given.slot,
    nodeId: isUnplaced && !isPerNode ? "" : given.node,
    spec: aServiceSpec(specOf(service, isOld ? "old" : "new")).task,
    specVersion: { index: isOld ? version - 1 : version },
    status: { state, timestamp: at(nowMs - ageMs), appliedAt: at(nowMs - ageMs) },
    desiredState: desired,
    moving,
    ...(service.mode.endsWith("Job") ? { jobIteration: { index: isOld ? 0 : 1 } } : {}),
  });
}

/** Lets the reconciler decide about each key and makes its changes; gives how many there were. */
function decideOnce({ store, proposer }: MemoryStore, reconciler: Reconciler, ids: () => string) {
  let count = 0;
  for (const key of new Set(reconciler.allKeys(store.view()))) {
    const tx = store.begin();
    const { changes } = reconciler.reconcile(tx, key, { nowMs, newId: ids });
    for (const change of changes) change(tx);
    const made = tx.changes();
    if (made.length > 0) proposer.applyNow(encodeEntry(made, nowMs));
    count += made.length;
  }
  return count;
}

describe("each reconciler, on any state", () => {
  const rounds: {
    reconciler: Reconciler;
    most: number;
    states?: fc.Arbitrary<State>;
  }[] = [
    // An update is noted first, and its failure seen, or its end, in the next look.
    { reconciler: serviceReconciler, most: 4 },
    { reconciler: nodeReconciler, most: 1 },
    { reconciler: reaperReconciler, most: 1 },
    // One task of a service is marked, then it waits.
    { reconciler: rebalanceReconciler, most: 1, states: anUnevenState },
    { reconciler: jobScheduleReconciler, most: 1, states: aScheduledState },
  ];
  for (const { reconciler, most, states = aState } of rounds) {
    it(`${reconciler.name}: wants nothing more after its own changes`, () => {
      let acted = 0;
      fc.assert(
        fc.property(states, (state) => {
          const made = storeOf(state);
          let ids = 0;
          const newId = () => {
            ids += 1;
            return `new${String(ids).padStart(3, "0")}`;
          };
          let changes = 0;
          for (let round = 0; round < most; round += 1) {
            changes += decideOnce(made, reconciler, newId);
          }
          if (changes > 0) acted += 1;
          assert.equal(decideOnce(made, reconciler, newId), 0);
        }),
        { numRuns: 60 },
      );
      assert.ok(acted >= 5, `it did something in ${acted} of 60 states only`);
    });
  }

  it("rebalance: moves one task after the other until the service is even, then rests", () => {
    let moves = 0;
    fc.assert(
      fc.property(anUnevenState, (state) => {
        const made = storeOf(state);
        const { store } = made;
        const newId = () => "none is made";
        const counts = () => nodeIds.map((id) => store.view().tasksOfNode(id).length);
        for (let left = state.tasks.length; decideOnce(made, rebalanceReconciler, newId) > 0; ) {
          const marked = [...store.view().all("task")].filter(({ moving }) => moving);
          if (marked.length === 0) continue; // It took the wish back: the end.
          assert.equal(marked.length, 1);
          left -= 1;
          assert.ok(left >= 0, `still moving with ${counts()}`);
          moves += 1;
          const before = sumOfSquares(counts());
          for (const task of marked) moveAsScheduled(made, task);
          assert.ok(sumOfSquares(counts()) < before, `a move without need to ${counts()}`);
        }
        assert.ok(Math.max(...counts()) - Math.min(...counts()) <= 1, `at rest with ${counts()}`);
        assert.equal(store.view().get("service", "s1")?.rebalancing, false);
      }),
      { numRuns: 60 },
    );
    assert.ok(moves >= 30, `only ${moves} moves in 60 states`);
  });

  it("constraint enforcer: what it leaves fits, and it takes nothing that could stay", () => {
    fc.assert(
      fc.property(aState, (state) => {
        const { store } = storeOf(state);
        for (const node of store.view().all("node")) {
          const tasks = store.view().tasksOfNode(node.id);
          const rejected = new Set(
            enforceConstraints(node, tasks).map((action) =>
              action.kind === "setObserved" ? action.taskId : "",
            ),
          );
          const free = Math.round((node.description?.resources?.nanoCpus ?? 0) / 1e9);
          const held = tasks.filter(
            (task) =>
              isWanted(task) && !isUnassigned(task) && !isEnded(task) && !rejected.has(task.id),
          );
          const keeps = node.status?.state !== "DOWN" && node.spec?.availability !== "DRAIN";
          if (!keeps) assert.equal(rejected.size, 0);
          else assert.ok(held.length <= free, `${held.length} on ${free} CPUs`);
          const fits = node.spec?.annotations?.labels["zone"] === "a";
          const isBound = state.service.isConstrained;
          if (keeps && isBound && !fits) assert.equal(held.length, 0);
          if (keeps && (!isBound || fits) && rejected.size > 0) assert.equal(held.length, free);
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** The lower, the more even. */
function sumOfSquares(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count ** 2, 0);
}

/** What the service reconciler, the scheduler and the nodes make of a marked task. */
function moveAsScheduled({ store, proposer }: MemoryStore, task: Task): void {
  const view = store.view();
  const nodes = [...view.all("node")].map((node) => nodeInfoOf(node, view.tasksOfNode(node.id)));
  const status = task.status === null ? null : { ...task.status, state: "PENDING" as const };
  const asked = { ...task, nodeId: "", status, moving: false };
  const nodeId = schedule({ tasks: [asked], nodes, nowMs }).assignments[0]?.nodeId ?? "";
  const tx = store.begin();
  tx.update("task", { ...task, nodeId, moving: false });
  proposer.applyNow(encodeEntry(tx.changes(), nowMs));
}

function isEnded(task: Task): boolean {
  return ["COMPLETE", "SHUTDOWN", "FAILED", "REJECTED", "ORPHANED"].includes(
    task.status?.state ?? "NEW",
  );
}
