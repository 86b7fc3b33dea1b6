import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import type {
  NodeDescription,
  NodeDescriptionInput,
} from "../../../src/gen/skep/NodeDescription.ts";
import type { Task, TaskInput } from "../../../src/gen/skep/Task.ts";
import { messageCodec } from "../../../src/rpc/load-proto.ts";
import {
  type PlanContainerInput,
  planContainer,
} from "../../../src/worker/executor/plan-container.ts";

const tasks = messageCodec<TaskInput, Task>("Task");
const descriptions = messageCodec<NodeDescriptionInput, NodeDescription>("NodeDescription");

const image = {
  entrypoint: ["/entry"],
  cmd: ["serve"],
  env: ["A=image", "B=image"],
  workingDir: "/srv",
  user: "www",
  labels: {},
  volumes: [],
  stopSignal: "SIGQUIT",
};

function plan(task: TaskInput, more: Partial<PlanContainerInput> = {}) {
  return planContainer({
    task: tasks.decode(tasks.encode({ id: "task1", slot: 3, serviceId: "svc1", ...task })),
    nodeId: "node1",
    node: descriptions.decode(descriptions.encode({ hostname: "host-a" })),
    image,
    layerPaths: ["/layer"],
    networkNamespacePath: "/ns",
    mounts: [],
    secrets: new Map(),
    configs: new Map(),
    dnsServer: "127.0.0.11",
    ...more,
  });
}

describe("planContainer", () => {
  const commands: { name: string; container: object; want: string[] }[] = [
    { name: "the image's command", container: {}, want: ["/entry", "serve"] },
    { name: "own arguments", container: { args: ["x"] }, want: ["/entry", "x"] },
    {
      name: "own entrypoint drops the image's command",
      container: { command: ["/own"] },
      want: ["/own"],
    },
    { name: "both", container: { command: ["/own"], args: ["x"] }, want: ["/own", "x"] },
  ];
  for (const { name, container, want } of commands) {
    it(`runs ${name}`, () => {
      assert.deepEqual(plan({ spec: { container } }).args, want);
    });
  }

  it("lets the service's environment win over the image's, with templates", () => {
    const { env } = plan({
      spec: { container: { env: ["A={{.Task.Slot}}", "C={{.Node.Hostname}}", "B"] } },
      serviceAnnotations: { name: "web" },
    });
    assert.ok(env.includes("A=3"));
    assert.ok(env.includes("C=host-a"));
    assert.ok(!env.some((text) => text.startsWith("B=")), "a name alone removes the variable");
  });

  it("tells a task its generic resources", () => {
    const { env } = plan({
      spec: { container: {} },
      assignedGenericResources: [
        { named: { kind: "gpu", value: "a" } },
        { named: { kind: "gpu", value: "b" } },
        { discrete: { kind: "SSD", value: 2 } },
      ],
    });
    assert.deepEqual(
      env.filter((text) => text.startsWith("DOCKER_")),
      ["DOCKER_RESOURCE_GPU=a,b", "DOCKER_RESOURCE_SSD=2"],
    );
  });

  it("takes stop signal, user and folder from the image unless the service says otherwise", () => {
    const own = plan({ spec: { container: { stopSignal: "SIGINT", user: "0", dir: "/x" } } });
    assert.deepEqual([own.stopSignal, own.user, own.cwd], ["SIGINT", "0", "/x"]);
    const inherited = plan({ spec: { container: {} } });
    assert.deepEqual(
      [inherited.stopSignal, inherited.user, inherited.cwd],
      ["SIGQUIT", "www", "/srv"],
    );
  });

  it("lists the container's own addresses in its hosts file", () => {
    const { etcFiles } = plan({
      spec: { container: { hostname: "me", hosts: ["10.9.9.9 other"] } },
      networks: [{ networkId: "n", addresses: ["10.0.1.5/24"] }],
    });
    assert.match(etcFiles.hosts, /^10\.0\.1\.5\tme$/m);
    assert.match(etcFiles.hosts, /^10\.9\.9\.9\tother$/m);
  });

  it("waits for a secret that has not arrived", () => {
    const container = { secrets: [{ secretId: "s", secretName: "key", file: { name: "key" } }] };
    assert.throws(
      () => plan({ spec: { container } }),
      (error) => isClusterError(error, "UNAVAILABLE") && /secret key/.test(error.message),
    );
  });

  it("refuses an unknown template by name", () => {
    assert.throws(
      () => plan({ spec: { container: { hostname: "{{.Nope}}" } } }),
      (error) => isClusterError(error, "INVALID_ARGUMENT") && /\{\{\.Nope\}\}/.test(error.message),
    );
  });
});
