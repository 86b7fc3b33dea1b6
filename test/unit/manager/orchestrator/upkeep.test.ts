import assert from "node:assert/strict";
import type { Task, TaskInput } from "../../../../src/gen/skep/Task.ts";
import {
  enforceConstraints,
  noLongerFits,
} from "../../../../src/manager/orchestrator/constraint-enforcer.ts";
import { orphanAfterMs, planOrphans } from "../../../../src/manager/orchestrator/orphans.ts";
import { planReap } from "../../../../src/manager/orchestrator/reaper.ts";
import { removeServiceStep } from "../../../../src/manager/orchestrator/removal.ts";
import { observedState } from "../../../../src/manager/orchestrator/task-facts.ts";
import { toTimestamp } from "../../../../src/model/time.ts";
import { aNode, aService, aServiceSpec, aTask, aTaskSpec } from "../../../support/builders.ts";
import { specWith, ToyCluster } from "../../../support/toy-cluster.ts";

const nodes = new Map([
  ["node1", aNode()],
  ["down", aNode({ id: "down", status: { state: "DOWN" } })],
]);

function idsOf(actions: readonly { kind: string; taskId?: string }[], kind: string): string[] {
  return actions.filter((a) => a.kind === kind).map((a) => a.taskId ?? "");
}

describe("planReap", () => {
  const dead = (n: number, given: TaskInput = {}): Task =>
    aTask({
      id: `d${n}`,
      meta: { createdAt: { seconds: n } },
      status: { state: "FAILED" },
      desiredState: "SHUTDOWN",
      ...given,
    });
  const six = [1, 2, 3, 4, 5, 6].map((n) => dead(n));
  const removed = (id: string, given: TaskInput): Task =>
    aTask({ id, desiredState: "REMOVE", ...given });
  const cases: {
    name: string;
    tasks: Task[];
    limit?: number;
    service?: TaskInput["spec"];
    noService?: boolean;
    want: string[];
  }[] = [
    { name: "keeps the limit beside the live task", tasks: [...six, aTask()], want: ["d1"] },
    { name: "keeps all when negative", tasks: [...six, aTask()], limit: -1, want: [] },
    {
      name: "keeps none when zero",
      tasks: [dead(1), dead(2), aTask()],
      limit: 0,
      want: ["d1", "d2"],
    },
    {
      name: "keeps the newest of an empty slot",
      tasks: [dead(1), dead(2)],
      limit: 0,
      want: ["d1"],
    },
    {
      name: "keeps what counting attempts needs",
      tasks: [...six, aTask()],
      service: aTaskSpec({ restart: { maxAttempts: 2 } }),
      want: ["d1", "d2", "d3"],
    },
    {
      name: "removes on demand what is stopped or was never placed",
      tasks: [
        removed("ended", { status: { state: "SHUTDOWN" } }),
        removed("unplaced", { status: { state: "PENDING" }, nodeId: "" }),
        removed("running", {}),
      ],
      want: ["ended", "unplaced"],
    },
    {
      name: "removes orphans without a service",
      tasks: [aTask({ status: { state: "ORPHANED" } })],
      noService: true,
      want: ["task1"],
    },
    {
      name: "keeps a task that is stopping",
      tasks: [aTask({ desiredState: "SHUTDOWN" })],
      limit: 0,
      want: [],
    },
  ];
  for (const { name, tasks, limit, service, noService, want } of cases) {
    it(name, () => {
      const spec = aServiceSpec({ task: service ?? aTaskSpec() });
      const owner = noService ? undefined : aService({ spec });
      const actions = planReap(owner, tasks, nodes, { limit: limit ?? 5 });
      assert.deepEqual(idsOf(actions, "removeTask"), want);
    });
  }
});

describe("enforceConstraints", () => {
  const cases: {
    name: string;
    node?: Parameters<typeof aNode>[0];
    tasks: TaskInput[];
    want: string[];
  }[] = [
    { name: "leaves what fits", tasks: [{ id: "a" }], want: [] },
    {
      name: "rejects what breaks a constraint",
      tasks: [{ id: "a", spec: aTaskSpec({ placement: { constraints: ["node.role==manager"] } }) }],
      want: ["a"],
    },
    {
      name: "leaves what has ended, waits or is stopping",
      tasks: [
        { status: { state: "FAILED" as const } },
        { status: { state: "PENDING" as const } },
        { desiredState: "SHUTDOWN" as const },
      ].map((given: TaskInput, n) => ({
        id: `t${n}`,
        spec: aTaskSpec({ placement: { constraints: ["node.role==manager"] } }),
        ...given,
      })),
      want: [],
    },
    {
      name: "rejects the youngest when the node has too little",
      tasks: [1, 2, 3].map((n) => ({
        id: `t${n}`,
        meta: { createdAt: { seconds: n } },
        spec: aTaskSpec({ resources: { reservations: { nanoCpus: 2e9 } } }),
      })),
      want: ["t3"],
    },
    {
      name: "counts generic resources",
      node: { description: { resources: { generic: [{ discrete: { kind: "gpu", value: 1 } }] } } },
      tasks: [1, 2].map((n) => ({
        id: `t${n}`,
        meta: { createdAt: { seconds: n } },
        spec: aTaskSpec({
          resources: { reservations: { generic: [{ discrete: { kind: "gpu", value: 1 } }] } },
        }),
      })),
      want: ["t2"],
    },
    {
      name: "leaves a node that is drained to others",
      node: { spec: { availability: "DRAIN" } },
      tasks: [{ id: "a", spec: aTaskSpec({ placement: { constraints: ["node.role==manager"] } }) }],
      want: [],
    },
  ];
  for (const { name, node, tasks, want } of cases) {
    it(name, () => {
      const actions = enforceConstraints(
        aNode(node),
        tasks.map((given) => aTask(given)),
      );
      assert.deepEqual(idsOf(actions, "setObserved"), want);
    });
  }

  it("ends in a replacement on a node that fits", () => {
    const task = aTaskSpec({ placement: { constraints: ["node.labels.zone==a"] } });
    const cluster = new ToyCluster({ task, replicated: { replicas: 1 } }, 1);
    const zone = (value: string) => {
      cluster.changeNode("node1", {
        spec: {
          annotations: { name: "", labels: { zone: value } },
          desiredRole: "WORKER",
          availability: "ACTIVE",
        },
      });
    };
    zone("a");
    cluster.settle();
    zone("b");
    cluster.apply(cluster.decideAll());
    const [first] = cluster.tasks;
    assert.deepEqual([first?.status?.state, first?.status?.err], ["REJECTED", noLongerFits]);
    zone("a");
    cluster.settle();
    assert.equal(cluster.serving.length, 1);
  });
});

describe("planOrphans", () => {
  const downAtMs = 1_700_000_000_000;
  const down = aNode({
    meta: { updatedAt: toTimestamp(downAtMs) },
    status: { state: "DOWN" },
  });
  const cases = [
    { name: "a node that is there", node: aNode(), nowMs: downAtMs, want: [] },
    {
      name: "a node just down",
      node: down,
      nowMs: downAtMs + 1,
      want: [{ kind: "wakeAt", atMs: downAtMs + orphanAfterMs }],
    },
    { name: "a node down for a day", node: down, nowMs: downAtMs + orphanAfterMs, want: ["task1"] },
    { name: "a node removed", node: undefined, nowMs: downAtMs, want: ["task1"] },
  ];
  for (const { name, node, nowMs, want } of cases) {
    it(name, () => {
      const tasks = [aTask(), aTask({ id: "ended", status: { state: "FAILED" } })];
      const actions = planOrphans(node, tasks, nowMs);
      const got = actions.map((a) => (a.kind === "setObserved" ? a.taskId : a));
      assert.deepEqual(got, want);
    });
  }
});

describe("removeServiceStep", () => {
  const service = aService({ pendingDelete: true });
  it("first tells the tasks, then waits for them, but not for those that cannot answer", () => {
    assert.deepEqual(removeServiceStep(service, [aTask()], nodes), [
      { kind: "setDesired", taskId: "task1", desired: "REMOVE" },
    ]);
    const gone = { desiredState: "REMOVE" as const };
    assert.deepEqual(removeServiceStep(service, [aTask(gone)], nodes), []);
    const want = [{ kind: "removeService", serviceId: "service1" }];
    assert.deepEqual(removeServiceStep(service, [], nodes), want);
    assert.deepEqual(removeServiceStep(service, [aTask({ ...gone, nodeId: "down" })], nodes), want);
  });
});

describe("restarting", () => {
  const failing = (restart: object, historyLimit = 5): ToyCluster => {
    const task = { restart };
    const cluster = new ToyCluster(specWith("bad", { task, replicated: { replicas: 2 } }));
    cluster.behaviours.set("bad", "fails");
    cluster.historyLimit = historyLimit;
    return cluster;
  };

  it("tries again after each delay and keeps a bounded history", () => {
    for (const limit of [0, 5]) {
      const cluster = failing({ delay: { seconds: 5 } }, limit);
      cluster.settle(61_000);
      const made = cluster.tasks.map((task) => Number(task.id.slice(1)));
      const attempts = Math.max(...made) / 2;
      assert.ok(attempts >= 11 && attempts <= 14, `${attempts} attempts in a minute`);
      assert.ok(cluster.tasks.length <= 2 * (limit + 2));
    }
  });

  it("keeps one of several live tasks of a slot, the running one", () => {
    const cluster = new ToyCluster({ replicated: { replicas: 1 } });
    cluster.create("task", aTask({ id: "late", status: { state: "READY" } }));
    cluster.create("task", aTask({ id: "other", status: { state: "RUNNING" } }));
    cluster.settle();
    assert.deepEqual(
      cluster.serving.map((task) => task.id),
      ["other"],
    );
  });

  it("gives up after the attempts allowed, until the service changes", () => {
    for (const limit of [0, 5]) {
      const restart = { maxAttempts: 3, delay: { seconds: 1 } };
      const cluster = failing(restart, limit);
      cluster.settle();
      assert.equal(cluster.tasks.filter((task) => observedState(task) === "FAILED").length, 8);
      cluster.behaviours.clear();
      cluster.updateSpec(specWith("bad", { task: { restart }, replicated: { replicas: 2 } }));
      cluster.settle();
      assert.equal(cluster.serving.length, 2);
    }
  });

  it("restarts a failed job task in its slot until it completes", () => {
    const cluster = new ToyCluster(specWith("bad", { replicatedJob: { totalCompletions: 2 } }));
    cluster.behaviours.set("bad", "fails");
    cluster.settle(12_000);
    cluster.behaviours.clear();
    cluster.settle();
    const done = cluster.tasks.filter((task) => observedState(task) === "COMPLETE");
    assert.deepEqual(new Set(done.map((task) => task.slot)), new Set([0, 1]));
    cluster.updateSpec(specWith("v2", { replicatedJob: { totalCompletions: 1 } }));
    cluster.settle();
    assert.equal(cluster.tasks.length, 1, "the old iteration is gone");
    assert.equal(cluster.tasks[0]?.jobIteration?.index, 1);
  });
});
