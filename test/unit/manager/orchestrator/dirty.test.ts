import assert from "node:assert/strict";
import type { ServiceSpecInput } from "../../../../src/gen/skep/ServiceSpec.ts";
import type { TaskInput } from "../../../../src/gen/skep/Task.ts";
import { isTaskDirty } from "../../../../src/manager/orchestrator/dirty.ts";
import { aNode, aService, aServiceSpec, aTask, aTaskSpec } from "../../../support/builders.ts";

const nodes = new Map([["node1", aNode()]]);
const ports = [{ targetPort: 80, publishedPort: 80 }];

describe("isTaskDirty", () => {
  const image = "registry.test/web:1";
  const cases: { name: string; spec: ServiceSpecInput; task?: TaskInput; want: boolean }[] = [
    { name: "same words, newer version", spec: {}, want: false },
    { name: "more replicas only", spec: { replicated: { replicas: 9 } }, want: false },
    { name: "another image", spec: { task: aTaskSpec({ container: { image: "x" } }) }, want: true },
    { name: "force update", spec: { task: aTaskSpec({ forceUpdate: 1 }) }, want: true },
    {
      name: "the same version, whatever the words",
      spec: { task: aTaskSpec({ forceUpdate: 1 }) },
      task: { specVersion: { index: 2 } },
      want: false,
    },
    {
      name: "a constraint that the node meets",
      spec: { task: aTaskSpec({ placement: { constraints: ["node.role==worker"] } }) },
      want: false,
    },
    {
      name: "a constraint that the node does not meet",
      spec: { task: aTaskSpec({ placement: { constraints: ["node.role==manager"] } }) },
      want: true,
    },
    {
      name: "a constraint while on no node",
      spec: { task: aTaskSpec({ placement: { constraints: ["node.role==worker"] } }) },
      task: { nodeId: "", status: { state: "PENDING" } },
      want: true,
    },
    {
      name: "credentials once the image is there",
      spec: { task: aTaskSpec({ container: { image, registryAuth: "new" } }) },
      want: false,
    },
    {
      name: "credentials before the image is there",
      spec: { task: aTaskSpec({ container: { image, registryAuth: "new" } }) },
      task: { status: { state: "PREPARING" } },
      want: true,
    },
    {
      name: "another published port",
      spec: { endpoint: { ports } },
      task: { endpoint: { spec: { ports: [] } } },
      want: true,
    },
    {
      name: "no endpoint is an empty one",
      spec: {},
      task: { endpoint: { spec: { mode: "VIP" } } },
      want: false,
    },
  ];
  for (const { name, spec, task, want } of cases) {
    it(name, () => {
      const service = aService({ spec: aServiceSpec(spec), specVersion: { index: 2 } });
      assert.equal(isTaskDirty(service, aTask(task), nodes), want);
    });
  }
});
