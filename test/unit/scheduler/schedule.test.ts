import assert from "node:assert/strict";
import fc from "fast-check";
import type { TaskInput } from "../../../src/gen/skep/Task.ts";
import { nodeInfoOf } from "../../../src/scheduler/node-info.ts";
import { schedule } from "../../../src/scheduler/schedule.ts";
import { aNode, aTask, aTaskSpec } from "../../support/builders.ts";

const nowMs = 1_700_000_100_000;

const pending = (id: string, given: TaskInput = {}) =>
  aTask({ id, nodeId: "", status: { state: "PENDING" }, ...given });

const pendings = (count: number, given: TaskInput = {}) =>
  Array.from({ length: count }, (_, index) => pending(`t${String(index).padStart(3, "0")}`, given));

function node(id: string, labels: Record<string, string> = {}) {
  return aNode({ id, spec: { annotations: { labels } } });
}

/** How many tasks each node got. */
function countsOf(result: ReturnType<typeof schedule>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { nodeId } of result.assignments) counts[nodeId] = (counts[nodeId] ?? 0) + 1;
  return counts;
}

describe("schedule", () => {
  it("spreads a service evenly, ties by id", () => {
    const nodes = ["c", "a", "b"].map((id) => nodeInfoOf(node(id), []));
    const result = schedule({ tasks: pendings(4), nodes, nowMs });
    assert.deepEqual(
      result.assignments.map(({ nodeId }) => nodeId),
      ["a", "b", "c", "a"],
    );
  });

  it("prefers few tasks of the service over few tasks", () => {
    const nodes = [
      nodeInfoOf(node("a"), [aTask({ id: "x", serviceId: "service1" })]),
      nodeInfoOf(
        node("b"),
        ["x", "y", "z"].map((id) => aTask({ id, serviceId: "other" })),
      ),
    ];
    assert.deepEqual(countsOf(schedule({ tasks: pendings(1), nodes, nowMs })), { b: 1 });
    const elsewhere = pendings(1, { serviceId: "third" });
    assert.deepEqual(countsOf(schedule({ tasks: elsewhere, nodes, nowMs })), { a: 1 });
  });

  it("uses nodes where the service keeps failing last, and forgets after 5 minutes", () => {
    const failed = (seconds: number) =>
      Array.from({ length: 5 }, (_, index) =>
        aTask({ id: `f${index}`, status: { state: "FAILED", timestamp: { seconds } } }),
      );
    const busy = [aTask({ id: "x" }), aTask({ id: "y" })];
    const nodesAfter = (seconds: number) => [
      nodeInfoOf(node("a"), failed(seconds)),
      nodeInfoOf(node("b"), busy),
    ];
    const place = (seconds: number) =>
      countsOf(schedule({ tasks: pendings(1), nodes: nodesAfter(seconds), nowMs }));
    assert.deepEqual(place(nowMs / 1000 - 10), { b: 1 });
    assert.deepEqual(place(nowMs / 1000 - 301), { a: 1 });
    const anotherVersion = pendings(1, { specVersion: { index: 2 } });
    const nodes = nodesAfter(nowMs / 1000 - 10);
    assert.deepEqual(countsOf(schedule({ tasks: anotherVersion, nodes, nowMs })), { a: 1 });
  });

  const failures: { name: string; perNode: Record<string, number>; want: string }[] = [
    { name: "four failures are none", perNode: { a: 4, b: 0 }, want: "a" },
    { name: "five send tasks elsewhere", perNode: { a: 5, b: 0 }, want: "b" },
    { name: "where all fail, all are used", perNode: { a: 7, b: 5 }, want: "a" },
  ];
  for (const { name, perNode, want } of failures) {
    it(`recent failures: ${name}`, () => {
      const nodes = Object.entries(perNode).map(([id, count]) => {
        const failed = Array.from({ length: count }, (_, index) =>
          aTask({
            id: `f${id}${index}`,
            status: { state: "REJECTED", timestamp: { seconds: nowMs / 1000 - 60 } },
          }),
        );
        return nodeInfoOf(node(id), failed);
      });
      const result = schedule({ tasks: pendings(1), nodes, nowMs });
      assert.deepEqual(countsOf(result), { [want]: 1 });
    });
  }

  it("keeps the branches of the preference tree equal, level by level", () => {
    const nodes = [
      node("a1", { zone: "a", rack: "1" }),
      node("a2", { zone: "a", rack: "1" }),
      node("a3", { zone: "a", rack: "2" }),
      node("b1", { zone: "b", rack: "1" }),
      node("n1"),
    ].map((one) => nodeInfoOf(one, []));
    const spec = aTaskSpec({
      placement: {
        preferences: ["zone", "rack"].map((label) => ({
          spread: { descriptor: `node.labels.${label}` },
        })),
      },
    });
    const result = schedule({ tasks: pendings(12, { spec }), nodes, nowMs });
    assert.deepEqual(countsOf(result), { a1: 1, a2: 1, a3: 2, b1: 4, n1: 4 });
  });

  it("goes on in other branches when one is full", () => {
    const small = aNode({
      id: "b1",
      spec: { annotations: { labels: { zone: "b" } } },
      description: { resources: { nanoCpus: 1e9, memoryBytes: 1e9 } },
    });
    const nodes = [nodeInfoOf(node("a1", { zone: "a" }), []), nodeInfoOf(small, [])];
    const spec = aTaskSpec({
      resources: { reservations: { nanoCpus: 1e9 } },
      placement: { preferences: [{ spread: { descriptor: "node.labels.zone" } }] },
    });
    const result = schedule({ tasks: pendings(6, { spec }), nodes, nowMs });
    assert.deepEqual(countsOf(result), { a1: 4, b1: 1 });
    assert.deepEqual(result.unplaced, [
      {
        taskId: "t005",
        explanation: "no suitable node (insufficient CPUs on 2 nodes)",
      },
    ]);
  });

  it("only checks tasks that have a node", () => {
    const nodes = [
      nodeInfoOf(node("a"), []),
      nodeInfoOf(aNode({ id: "b", spec: { availability: "DRAIN" } }), []),
    ];
    const tasks = ["a", "b", "gone"].map((id) => pending(`on-${id}`, { nodeId: id }));
    const result = schedule({ tasks, nodes, nowMs });
    assert.deepEqual(countsOf(result), { a: 1 });
    assert.deepEqual(
      result.unplaced.map(({ taskId, explanation }) => [taskId, explanation]),
      [
        ["on-b", "no suitable node (1 node not available for new tasks)"],
        ["on-gone", "no suitable node"],
      ],
    );
  });

  it("hands out each generic resource once", () => {
    const generic = ["x", "y"].map((value) => ({ named: { kind: "GPU", value } }));
    const info = nodeInfoOf(aNode({ id: "a", description: { resources: { generic } } }), []);
    const spec = aTaskSpec({
      resources: { reservations: { generic: [{ discrete: { kind: "GPU", value: 1 } }] } },
    });
    const result = schedule({ tasks: pendings(3, { spec }), nodes: [info], nowMs });
    const given = result.assignments.map((one) => one.generic[0]?.named?.value);
    assert.deepEqual([given, result.unplaced.length], [["x", "y"], 1]);
  });

  it("does not put two tasks with one host port on a node", () => {
    const nodes = ["a", "b"].map((id) => nodeInfoOf(node(id), []));
    const endpoint = {
      ports: [{ targetPort: 80, publishedPort: 80, publishMode: "HOST" as const }],
    };
    const result = schedule({ tasks: pendings(3, { endpoint }), nodes, nowMs });
    assert.deepEqual(countsOf(result), { a: 1, b: 1 });
    assert.match(result.unplaced[0]?.explanation ?? "", /host-mode port already in use on 2 nodes/);
  });

  it("is even, never overfills, and does not depend on the order of nodes", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 8 });
    const groups = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(sizes, groups, fc.boolean(), (cpus, counts, reserve) => {
        const nodes = cpus.map((count, index) =>
          nodeInfoOf(
            aNode({ id: `n${index}`, description: { resources: { nanoCpus: count * 1e9 } } }),
            [],
          ),
        );
        const spec = reserve
          ? aTaskSpec({ resources: { reservations: { nanoCpus: 1e9 } } })
          : aTaskSpec();
        const tasks = counts.flatMap((count, group) =>
          Array.from({ length: count }, (_, index) =>
            pending(`t${group}-${index}`, { serviceId: `s${group}`, spec }),
          ),
        );
        const result = schedule({ tasks, nodes, nowMs });
        assert.deepEqual(schedule({ tasks, nodes: nodes.toReversed(), nowMs }), result);
        assert.equal(result.assignments.length + result.unplaced.length, tasks.length);
        const total = countsOf(result);
        if (reserve) {
          for (const [index, count] of cpus.entries())
            assert.ok((total[`n${index}`] ?? 0) <= count);
          const room = cpus.reduce((sum, count) => sum + count, 0);
          assert.equal(result.assignments.length, Math.min(room, tasks.length));
        } else {
          assert.equal(result.unplaced.length, 0);
          const serviceOf = new Map(tasks.map((task) => [task.id, task.serviceId]));
          for (const group of counts.keys()) {
            const own = result.assignments.filter(
              (one) => serviceOf.get(one.taskId) === `s${group}`,
            );
            const perNode = nodes.map(
              ({ node: { id } }) => own.filter((one) => one.nodeId === id).length,
            );
            assert.ok(Math.max(...perNode) - Math.min(...perNode) <= 1);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
