import assert from "node:assert/strict";
import fc from "fast-check";
import type { ServiceInput } from "../../../../src/gen/skep/Service.ts";
import type { Task } from "../../../../src/gen/skep/Task.ts";
import {
  type LoadedNode,
  nextRebalanceStep,
  wantsRebalancing,
} from "../../../../src/manager/orchestrator/rebalance.ts";
import { isWanted, observedState } from "../../../../src/manager/orchestrator/task-facts.ts";
import { aNode, aService, aServiceSpec, aTask } from "../../../support/builders.ts";
import { ToyCluster } from "../../../support/toy-cluster.ts";

/** How many of the service's tasks each of node1, node2, … has, and the zone it is in. */
interface Layout {
  readonly counts: readonly number[];
  readonly zones?: readonly string[];
}

function loadedNodes({ counts, zones = [] }: Layout): LoadedNode[] {
  let slot = 0;
  return counts.map((count, at) => {
    const id = `node${at + 1}`;
    const labels = zones[at] === undefined ? {} : { zone: zones[at] };
    const spec = { annotations: { labels }, availability: "ACTIVE" as const };
    const tasks = Array.from({ length: count }, () => {
      slot += 1;
      return aTask({ id: `t${slot}`, slot, nodeId: id });
    });
    return { node: aNode({ id, spec }), tasks };
  });
}

function stepOf(nodes: readonly LoadedNode[], given: ServiceInput = {}, spread = false) {
  const tasks = nodes.flatMap(({ tasks: own }) => own);
  const service = aService({
    spec: aServiceSpec({ replicated: { replicas: tasks.length } }),
    ...given,
  });
  const preferences = [{ spread: { descriptor: "node.labels.zone" } }];
  const asked = (task: Task): Task =>
    spread && task.spec !== null
      ? aTask({ ...task, spec: { ...task.spec, placement: { preferences } } })
      : task;
  const all = nodes.map(({ node, tasks: own }) => ({ node, tasks: own.map(asked) }));
  return nextRebalanceStep(
    service,
    all.flatMap(({ tasks: own }) => own),
    () => all,
    0,
  );
}

describe("rebalancing", () => {
  const cases: { name: string; layout: Layout; spread?: boolean; want: string }[] = [
    { name: "moves from the fullest node", layout: { counts: [4, 0] }, want: "t4" },
    { name: "rests when even", layout: { counts: [2, 2, 2] }, want: "even" },
    { name: "rests when as even as can be", layout: { counts: [2, 1, 1] }, want: "even" },
    { name: "fills a node that joined", layout: { counts: [3, 3, 0] }, want: "t3" },
    { name: "has nothing to do with one task", layout: { counts: [1, 0] }, want: "even" },
    {
      name: "keeps what a spread preference wants",
      layout: { counts: [1, 1, 1, 3], zones: ["a", "a", "a", "b"] },
      spread: true,
      want: "even",
    },
    {
      name: "moves between zones",
      layout: { counts: [1, 1, 4], zones: ["a", "a", "b"] },
      spread: true,
      want: "t6",
    },
  ];
  for (const { name, layout, spread, want } of cases) {
    it(name, () => {
      const step = stepOf(loadedNodes(layout), {}, spread);
      assert.equal(step.kind === "move" ? step.taskId : step.kind, want);
    });
  }

  it("waits while an update goes on, a task moves, or one is missing", () => {
    const nodes = loadedNodes({ counts: [4, 0] });
    const updating = { state: "UPDATING" as const };
    assert.equal(stepOf(nodes, { updateStatus: updating }).kind, "wait");
    const spec = aServiceSpec({ replicated: { replicas: 5 } });
    assert.equal(stepOf(nodes, { spec }).kind, "wait");
    const [first, second] = nodes;
    assert.ok(first && second);
    const moving = first.tasks.map((task, at) => aTask({ ...task, moving: at === 0 }));
    assert.equal(stepOf([{ ...first, tasks: moving }, second]).kind, "wait");
  });

  it("is for replicated services that ask for it", () => {
    const auto = { labels: { "skep.rebalance": "auto" }, name: "web" };
    assert.ok(wantsRebalancing(aService({ spec: aServiceSpec({ annotations: auto }) })));
    assert.ok(wantsRebalancing(aService({ rebalancing: true })));
    assert.ok(!wantsRebalancing(aService()));
    assert.ok(
      !wantsRebalancing(aService({ rebalancing: true, spec: aServiceSpec({ global: {} }) })),
    );
  });

  it("always comes to an end, one task at a time and never below the wanted number", () => {
    const order = fc.constantFrom("START_FIRST" as const, "STOP_FIRST" as const);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        order,
        (replicas, joining, order) => {
          const update = { order };
          const cluster = new ToyCluster({ replicated: { replicas }, update }, 2);
          cluster.settle();
          for (let n = 0; n < joining; n += 1) cluster.setNode(aNode({ id: `new${n}` }));
          cluster.check = () => assert.ok(cluster.serving.length >= replicas);
          let moves = 0;
          for (;;) {
            const nodes = [...cluster.nodes.all()].map((node) => ({
              node,
              tasks: cluster.tasks.filter(({ nodeId }) => nodeId === node.id),
            }));
            const step = nextRebalanceStep(
              cluster.service,
              cluster.tasks,
              () => nodes,
              cluster.nowMs,
            );
            if (step.kind !== "move") {
              assert.equal(step.kind, "even");
              break;
            }
            moves += 1;
            assert.ok(moves <= replicas, "each task moves once at most");
            cluster.move(step.taskId);
            cluster.settle();
          }
          const counts = [...cluster.nodes.all()].map(
            ({ id }) =>
              cluster.tasks.filter(
                (task) => task.nodeId === id && isWanted(task) && observedState(task) === "RUNNING",
              ).length,
          );
          assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `left at ${counts}`);
        },
      ),
      { numRuns: 20 },
    );
  });
});
