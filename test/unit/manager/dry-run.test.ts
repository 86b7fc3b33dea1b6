import assert from "node:assert/strict";
import type { EndpointSpecInput } from "../../../src/gen/skep/EndpointSpec.ts";
import type { NodeInput } from "../../../src/gen/skep/Node.ts";
import type { ServiceSpecInput } from "../../../src/gen/skep/ServiceSpec.ts";
import { dryRun } from "../../../src/manager/dry-run.ts";
import { aNode, aService, aServiceSpec, aTask, aTaskSpec } from "../../support/builders.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

const nodes: NodeInput[] = [1, 2].map((number) => ({
  id: `node${number}`,
  description: {
    hostname: `host${number}`,
    platform: { architecture: "x86_64", os: "linux" },
    resources: { nanoCpus: 4e9, memoryBytes: 8e9 },
    engine: { engineVersion: "test" },
  },
}));
const half = { reservations: { memoryBytes: 5e9 } };

describe("a dry run of services", () => {
  function world() {
    const memory = createMemoryStore();
    memory.seed("node", ...nodes.map((node) => aNode(node)));
    let ids = 0;
    const run = (
      services: ServiceSpecInput[],
      more: { removed?: string[]; secrets?: { name: string; data: string }[] } = {},
    ) =>
      dryRun(
        memory.store.view(),
        {
          services: services.map((spec) => aServiceSpec(spec)),
          removedServiceIds: more.removed ?? [],
          secrets: (more.secrets ?? []).map(({ name, data }) => ({
            annotations: { name, labels: {} },
            data: Buffer.from(data),
            templating: null,
            driver: null,
          })),
        },
        {
          nowMs: memory.clock.now(),
          newId: () => {
            ids += 1;
            return `new${ids}`;
          },
        },
      );
    return { ...memory, run };
  }

  /** "web: host1 host2(kept) | 1 no room" */
  function told(result: ReturnType<typeof dryRun>): string[] {
    return result.services.map(({ name, tasks, unplaced, refusal }) => {
      const placed = tasks.map(({ hostname, kept }) => `${hostname}${kept ? "(kept)" : ""}`);
      const not = unplaced.map(({ count, explanation }) => `${count} ${explanation}`);
      return [`${name}:`, ...placed, ...not, ...(refusal === "" ? [] : [refusal])].join(" ");
    });
  }

  it("spreads new tasks as the scheduler does", () => {
    const result = world().run([{ replicated: { replicas: 3 } }]);
    assert.deepEqual(told(result), ["web: host1 host2 host1"]);
  });

  it("says what cannot be placed, and why; services share what is free", () => {
    const { run } = world();
    const task = aTaskSpec({ resources: half });
    const result = run([
      { annotations: { name: "a" }, task },
      { annotations: { name: "b" }, task, replicated: { replicas: 2 } },
      {
        annotations: { name: "c" },
        task: aTaskSpec({ placement: { constraints: ["node.role==manager"] } }),
      },
    ]);
    assert.deepEqual(told(result), [
      "a: host1",
      "b: host2 1 no suitable node (insufficient memory on 2 nodes)",
      "c: 1 no suitable node (scheduling constraints not satisfied on 2 nodes)",
    ]);
  });

  it("puts a task of a global service on each node", () => {
    assert.deepEqual(told(world().run([{ global: {} }])), ["web: host1 host2"]);
  });

  it("makes as many tasks of a job as may run at once", () => {
    const job = { replicatedJob: { maxConcurrent: 1, totalCompletions: 3 } };
    assert.deepEqual(told(world().run([job])), ["web: host1"]);
  });

  it("keeps the tasks of an unchanged service, adds to them, and takes from them", () => {
    const { run, seed } = world();
    seed("service", aService({ spec: aServiceSpec({ replicated: { replicas: 2 } }) }));
    seed("task", aTask(), aTask({ id: "task2", slot: 2, nodeId: "node2" }));
    assert.deepEqual(told(run([{ replicated: { replicas: 2 } }])), [
      "web: host1(kept) host2(kept)",
    ]);
    assert.deepEqual(told(run([{ replicated: { replicas: 3 } }])), [
      "web: host1(kept) host2(kept) host1",
    ]);
    assert.equal(run([{ replicated: { replicas: 1 } }]).services[0]?.tasks.length, 1);
    assert.deepEqual(told(run([{ replicated: { replicas: 0 } }])), ["web:"]);
  });

  it("gives the room of what an update replaces to its successor, except with start-first", () => {
    const { run, seed, store } = world();
    const before = aTaskSpec({ resources: half });
    const spec = aServiceSpec({ task: before, replicated: { replicas: 2 } });
    seed("service", aService({ spec }));
    seed(
      "task",
      aTask({ spec: before }),
      aTask({ id: "task2", slot: 2, nodeId: "node2", spec: before }),
    );
    const task = aTaskSpec({ container: { image: "new" }, resources: half });
    assert.deepEqual(told(run([{ task, replicated: { replicas: 2 } }])), ["web: host1 host2"]);
    const startFirst = {
      task,
      replicated: { replicas: 2 },
      update: { order: "START_FIRST" },
    } as const;
    assert.deepEqual(told(run([startFirst])), [
      "web: 2 no suitable node (insufficient memory on 2 nodes)",
    ]);
    assert.equal(store.view().index, 3, "nothing was written");
  });

  it("gives the room of removed services to others", () => {
    const { run, seed } = world();
    const task = aTaskSpec({ resources: half });
    seed(
      "service",
      aService({
        id: "old",
        spec: aServiceSpec({ annotations: { name: "old" }, task, global: {} }),
      }),
    );
    seed(
      "task",
      ...["node1", "node2"].map((nodeId) =>
        aTask({ id: nodeId, nodeId, serviceId: "old", slot: 0, spec: task }),
      ),
    );
    assert.match(told(run([{ task }]))[0] ?? "", /insufficient memory/);
    assert.deepEqual(told(run([{ task }], { removed: ["old"] })), ["web: host1"]);
  });

  it("says what would be refused", () => {
    const { run, seed } = world();
    const endpoint: EndpointSpecInput = {
      ports: [{ protocol: "TCP", targetPort: 80, publishedPort: 80, publishMode: "INGRESS" }],
    };
    seed(
      "service",
      aService({ id: "old", spec: aServiceSpec({ annotations: { name: "old" }, endpoint }) }),
    );
    assert.match(
      told(run([{ endpoint }]))[0] ?? "",
      /port '80' is already in use by service 'old'/,
    );
    assert.match(told(run([{ annotations: { name: "bad name" } }]))[0] ?? "", /bad name/);
  });

  it("says which secrets exist with other data", () => {
    const { run, seed } = world();
    seed("secret", { id: "s1", spec: { annotations: { name: "a" }, data: Buffer.from("x") } });
    const secrets = [
      { name: "a", data: "x" },
      { name: "b", data: "y" },
    ];
    assert.deepEqual(run([], { secrets }).changedSecrets, []);
    assert.deepEqual(run([], { secrets: [{ name: "a", data: "z" }] }).changedSecrets, ["a"]);
  });
});
