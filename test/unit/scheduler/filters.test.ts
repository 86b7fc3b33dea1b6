import assert from "node:assert/strict";
import type { NodeInput } from "../../../src/gen/skep/Node.ts";
import type { TaskInput } from "../../../src/gen/skep/Task.ts";
import { nodeInfoOf } from "../../../src/scheduler/node-info.ts";
import { Pipeline } from "../../../src/scheduler/pipeline.ts";
import { aNode, aTask, aTaskSpec } from "../../support/builders.ts";

const gib = 2 ** 30;

const hostPort = (published: number, protocol: "TCP" | "UDP" = "TCP"): TaskInput => ({
  endpoint: {
    ports: [{ targetPort: 80, publishedPort: published, protocol, publishMode: "HOST" }],
  },
});
const reserving = (nanoCpus: number, memoryBytes: number): TaskInput => ({
  spec: aTaskSpec({ resources: { reservations: { nanoCpus, memoryBytes } } }),
});
const gpu = (value: string) => ({ named: { kind: "GPU", value } });
const wantsGpus = (value: number): TaskInput => ({
  spec: aTaskSpec({
    resources: { reservations: { generic: [{ discrete: { kind: "GPU", value } }] } },
  }),
});
const placed = (placement: object): TaskInput => ({ spec: aTaskSpec({ placement }) });
const described = (description: object): NodeInput => ({ description });

describe("filters", () => {
  const cases: {
    name: string;
    task?: TaskInput;
    node?: NodeInput;
    present?: TaskInput[];
    want: string;
  }[] = [
    { name: "plain task on a plain node", want: "" },
    {
      name: "node down",
      node: { status: { state: "DOWN" } },
      want: "1 node not available for new tasks",
    },
    {
      name: "node drained",
      node: { spec: { availability: "DRAIN" } },
      want: "1 node not available for new tasks",
    },
    {
      name: "node paused",
      node: { spec: { availability: "PAUSE" } },
      want: "1 node not available for new tasks",
    },
    {
      name: "node that is no member yet",
      node: { membership: "MEMBERSHIP_PENDING" },
      want: "1 node not available for new tasks",
    },
    { name: "exactly fits", task: reserving(4e9, 8 * gib), want: "" },
    {
      name: "too many CPUs",
      task: reserving(4e9 + 1, 0),
      want: "insufficient CPUs on 1 node",
    },
    {
      name: "too much memory",
      task: reserving(0, 8 * gib + 1),
      want: "insufficient memory on 1 node",
    },
    {
      name: "memory reserved by another",
      task: reserving(0, 5 * gib),
      present: [reserving(0, 4 * gib)],
      want: "insufficient memory on 1 node",
    },
    {
      name: "memory of a task that ended is free",
      task: reserving(0, 5 * gib),
      present: [{ ...reserving(0, 4 * gib), status: { state: "FAILED" } }],
      want: "",
    },
    {
      name: "memory of a task that is stopping is not free",
      task: reserving(0, 5 * gib),
      present: [{ ...reserving(0, 4 * gib), desiredState: "SHUTDOWN" }],
      want: "insufficient memory on 1 node",
    },
    {
      name: "generic resources",
      task: wantsGpus(2),
      node: described({ resources: { generic: [gpu("a"), gpu("b")] } }),
      want: "",
    },
    {
      name: "generic resources taken",
      task: wantsGpus(2),
      node: described({ resources: { generic: [gpu("a"), gpu("b")] } }),
      present: [{ assignedGenericResources: [gpu("a")] }],
      want: "insufficient GPU on 1 node",
    },
    {
      name: "generic resources by number",
      task: wantsGpus(2),
      node: described({ resources: { generic: [{ discrete: { kind: "GPU", value: 4 } }] } }),
      present: [{ assignedGenericResources: [{ discrete: { kind: "GPU", value: 2 } }] }],
      want: "",
    },
    {
      name: "generic resources of a task that ended are free",
      task: wantsGpus(1),
      node: described({ resources: { generic: [gpu("a")] } }),
      present: [{ assignedGenericResources: [gpu("a")], status: { state: "FAILED" } }],
      want: "",
    },
    {
      name: "a node without generic resources",
      task: wantsGpus(1),
      want: "insufficient GPU on 1 node",
    },
    {
      name: "volume driver absent",
      task: {
        spec: aTaskSpec({
          container: {
            image: "x",
            mounts: [{ type: "VOLUME", source: "v", target: "/v", volume: { driver: "nfs" } }],
          },
        }),
      },
      want: "missing plugin on 1 node",
    },
    {
      name: "volume driver present",
      task: {
        spec: aTaskSpec({
          container: {
            image: "x",
            mounts: [{ type: "VOLUME", source: "v", target: "/v", volume: { driver: "nfs" } }],
          },
        }),
      },
      node: described({ engine: { plugins: [{ type: "Volume", name: "nfs:latest" }] } }),
      want: "",
    },
    {
      name: "log driver absent",
      task: { spec: aTaskSpec({ logDriver: { name: "syslog" } }) },
      node: described({ engine: { plugins: [{ type: "Log", name: "json-file" }] } }),
      want: "missing plugin on 1 node",
    },
    {
      name: "a node that has not said which log drivers it has",
      task: { spec: aTaskSpec({ logDriver: { name: "syslog" } }) },
      node: described({ engine: { plugins: [{ type: "Volume", name: "local" }] } }),
      want: "",
    },
    {
      name: "drivers that every node has",
      task: {
        spec: aTaskSpec({
          logDriver: { name: "json-file" },
          container: {
            image: "x",
            mounts: [
              { type: "VOLUME", source: "v", target: "/v", volume: { driver: "local" } },
              { type: "VOLUME", source: "w", target: "/w" },
              { type: "BIND", source: "/b", target: "/b" },
            ],
          },
        }),
      },
      node: described({ engine: { plugins: [{ type: "Log", name: "other" }] } }),
      want: "",
    },
    { name: "constraint met", task: placed({ constraints: ["node.role==worker"] }), want: "" },
    {
      name: "constraint not met",
      task: placed({ constraints: ["node.role==worker", "node.hostname!=host1"] }),
      want: "scheduling constraints not satisfied on 1 node",
    },
    {
      name: "unreadable constraint",
      task: placed({ constraints: ["what"] }),
      want: "scheduling constraints not satisfied on 1 node",
    },
    {
      name: "platform by its other name",
      task: placed({ platforms: [{ architecture: "amd64", os: "linux" }] }),
      want: "",
    },
    {
      name: "one of several platforms",
      task: placed({
        platforms: [
          { architecture: "arm64", os: "linux" },
          { architecture: "x86_64", os: "linux" },
        ],
      }),
      want: "",
    },
    {
      name: "any system of an architecture",
      task: placed({ platforms: [{ os: "linux" }] }),
      want: "",
    },
    {
      name: "any architecture of another system",
      task: placed({ platforms: [{ os: "windows" }] }),
      want: "unsupported platform on 1 node",
    },
    {
      name: "a node that has not said what it is",
      task: placed({ platforms: [{ architecture: "amd64", os: "linux" }] }),
      node: described({ hostname: "host1" }),
      want: "unsupported platform on 1 node",
    },
    {
      name: "other platform",
      task: placed({ platforms: [{ architecture: "aarch64", os: "linux" }] }),
      want: "unsupported platform on 1 node",
    },
    { name: "host port free", task: hostPort(80), present: [hostPort(80, "UDP")], want: "" },
    {
      name: "host port taken",
      task: hostPort(80),
      present: [hostPort(80)],
      want: "host-mode port already in use on 1 node",
    },
    { name: "host port of the node's choice", task: hostPort(0), present: [hostPort(0)], want: "" },
    {
      name: "fewer than the most per node",
      task: placed({ maxReplicasPerNode: 2 }),
      present: [{}],
      want: "",
    },
    {
      name: "the most per node",
      task: placed({ maxReplicasPerNode: 2 }),
      present: [{}, {}],
      want: "max replicas per node limit reached on 1 node",
    },
    {
      name: "tasks on their way out do not count",
      task: placed({ maxReplicasPerNode: 1 }),
      present: [{ desiredState: "SHUTDOWN" }],
      want: "",
    },
  ];
  for (const { name, task, node, present, want } of cases) {
    it(name, () => {
      const others = (present ?? []).map((given, index) => aTask({ id: `p${index}`, ...given }));
      const info = nodeInfoOf(aNode(node), others);
      const pipeline = new Pipeline(aTask({ status: { state: "PENDING" }, nodeId: "", ...task }));
      assert.equal(pipeline.fits(info), want === "");
      const explanation = pipeline.explain([info]);
      assert.equal(explanation, want === "" ? "no suitable node" : `no suitable node (${want})`);
    });
  }

  it("tells each shortage apart, and which nodes take nothing", () => {
    const small = (id: string) =>
      aNode({ id, description: { resources: { nanoCpus: 8e9, memoryBytes: gib } } });
    const infos = [
      nodeInfoOf(small("a"), []),
      nodeInfoOf(small("b"), []),
      nodeInfoOf(aNode({ id: "c", spec: { availability: "DRAIN" } }), []),
      nodeInfoOf(aNode({ id: "d", description: { resources: { memoryBytes: 9 * gib } } }), []),
      nodeInfoOf(
        aNode({ id: "e", description: { resources: { nanoCpus: 8e9, memoryBytes: 9 * gib } } }),
        [],
      ),
    ];
    const reservations = {
      nanoCpus: 4e9,
      memoryBytes: 2 * gib,
      generic: [{ discrete: { kind: "SSD", value: 1 } }, { discrete: { kind: "GPU", value: 1 } }],
    };
    const task = aTask({ spec: aTaskSpec({ resources: { reservations } }) });
    assert.equal(
      new Pipeline(task).explain(infos),
      "no suitable node (insufficient memory on 2 nodes; 1 node not available for new tasks; insufficient CPUs on 1 node; insufficient GPU or SSD on 1 node)",
    );
  });

  it("names the commonest reason first, each node counted once", () => {
    const infos = [
      nodeInfoOf(aNode({ id: "a", description: { hostname: "host1" } }), []),
      nodeInfoOf(aNode({ id: "b" }), []),
      nodeInfoOf(aNode({ id: "c" }), []),
    ];
    const task = aTask({
      spec: aTaskSpec({
        placement: { constraints: ["node.id==zzz"] },
        resources: { reservations: { nanoCpus: 1e9 } },
      }),
    });
    assert.equal(
      new Pipeline(task).explain(infos),
      "no suitable node (scheduling constraints not satisfied on 2 nodes; insufficient CPUs on 1 node)",
    );
  });
});
