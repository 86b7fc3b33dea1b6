import assert from "node:assert/strict";
import type { Assignment } from "../../../../src/gen/skep/Assignment.ts";
import type { AssignmentChange } from "../../../../src/gen/skep/AssignmentChange.ts";
import type { TaskInput } from "../../../../src/gen/skep/Task.ts";
import { AssignmentIndex } from "../../../../src/manager/dispatcher/assignment-index.ts";
import { type ItemKey, sameItem } from "../../../../src/manager/dispatcher/assignment-items.ts";
import { assignmentSet, diffAssignments } from "../../../../src/manager/dispatcher/assignments.ts";
import { NodeAssignments } from "../../../../src/manager/dispatcher/node-assignments.ts";
import {
  aNetwork,
  aNode,
  aService,
  aServiceSpec,
  aTask,
  aTaskSpec,
} from "../../../support/builders.ts";
import { createMemoryStore, type MemoryStore } from "../../../support/memory-proposer.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

const onNetwork = (network: string, address: string) => ({
  networkId: network,
  addresses: [address],
});

function brief(changes: readonly AssignmentChange[]): string[] {
  return changes.map(({ assignment, action }) => {
    const kind = assignment?.item ?? "task";
    const id = assignment?.[kind]?.id ?? "";
    const extra = kind === "endpoint" && assignment?.endpoint?.serving ? " serving" : "";
    return `${action === "ASSIGNMENT_REMOVE" ? "-" : "+"}${kind} ${id}${extra}`;
  });
}

function world(): MemoryStore {
  const memory = createMemoryStore();
  memory.seed(
    "node",
    aNode(),
    aNode({ id: "node2", description: { dataPathAddress: "10.77.0.2" } }),
  );
  memory.seed(
    "network",
    aNetwork(),
    aNetwork({ id: "network2", spec: { annotations: { name: "b" } } }),
  );
  memory.seed("secret", { id: "secret1", spec: { annotations: { name: "s" } } });
  memory.seed(
    "service",
    aService({ spec: aServiceSpec({ task: aTaskSpec({ networks: [{ target: "network1" }] }) }) }),
  );
  return memory;
}

describe("manager: assignment sets", () => {
  const task = (given: TaskInput = {}) =>
    aTask({ networks: [onNetwork("network1", "10.0.1.5/24")], ...given });
  const withSecret = aTaskSpec({ container: { secrets: [{ secretId: "secret1" }] } });
  const cases: { name: string; tasks: TaskInput[]; node?: string; want: string[] }[] = [
    { name: "nothing", tasks: [], want: [] },
    { name: "a task not placed yet", tasks: [task({ status: { state: "PENDING" } })], want: [] },
    {
      name: "an assigned task has an endpoint that does not serve",
      tasks: [task({ status: { state: "ASSIGNED" } })],
      want: ["+network network1", "+service service1", "+endpoint network1/task1", "+task task1"],
    },
    {
      name: "a running one serves",
      tasks: [task()],
      want: [
        "+network network1",
        "+service service1",
        "+endpoint network1/task1 serving",
        "+task task1",
      ],
    },
    {
      name: "one that is to stop does not",
      tasks: [task({ desiredState: "SHUTDOWN" })],
      want: ["+network network1", "+service service1", "+endpoint network1/task1", "+task task1"],
    },
    {
      name: "an ended task stays, what it needed goes",
      tasks: [task({ status: { state: "FAILED" }, spec: withSecret })],
      want: ["+task task1"],
    },
    {
      name: "secrets only where they are used",
      tasks: [aTask({ spec: withSecret })],
      want: ["+secret secret1", "+task task1"],
    },
    { name: "another node sees nothing of it", tasks: [task()], node: "node2", want: [] },
    {
      name: "a node on the same network sees endpoints of others",
      tasks: [
        task(),
        task({ id: "task2", nodeId: "node2", networks: [onNetwork("network1", "10.0.1.6/24")] }),
      ],
      node: "node2",
      want: [
        "+network network1",
        "+service service1",
        "+endpoint network1/task1 serving",
        "+endpoint network1/task2 serving",
        "+task task2",
      ],
    },
  ];
  for (const { name, tasks, node = "node1", want } of cases) {
    it(name, () => {
      const { store, seed } = world();
      seed("task", ...tasks);
      const changes = diffAssignments(new Map(), assignmentSet(store.view(), node));
      assert.deepEqual(brief(changes), want);
    });
  }

  it("ingress goes to every node, with the node's own address", () => {
    const { store, seed } = createMemoryStore();
    const attachments = [onNetwork("ingress", "10.0.0.2/24")];
    seed(
      "network",
      aNetwork({ id: "ingress", spec: { annotations: { name: "ingress" }, ingress: true } }),
    );
    seed("node", aNode({ attachments }));
    seed("service", aService({ endpoint: { ports: [{ targetPort: 80, publishedPort: 8080 }] } }));
    const items = assignmentSet(store.view(), "node1");
    assert.deepEqual(
      [...items.keys()],
      ["network/ingress", "service/service1", "endpoint/ingress/node1"],
    );
    assert.equal(items.get("network/ingress")?.network?.nodeAddress, "10.0.0.2/24");
    const endpoint = items.get("endpoint/ingress/node1")?.endpoint;
    assert.deepEqual([endpoint?.dataPathAddress, endpoint?.taskId], ["10.77.0.1", ""]);
  });

  it("a status of its own task is no news for a node, a changed wish is", () => {
    const item = (given: TaskInput) => ({ task: aTask(given), item: "task" as const });
    assert.equal(sameItem(item({}), item({ status: { state: "FAILED" } })), true);
    assert.equal(sameItem(item({}), item({ desiredState: "SHUTDOWN" })), false);
  });
});

describe("manager: assignments bit by bit", () => {
  it("always add up to the set computed from scratch", async () => {
    for (let seed = 1; seed <= 25; seed += 1) await randomWalk(seed);
  });
});

async function randomWalk(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.float() * list.length)] as T;
  const { store } = world();
  const index = new AssignmentIndex();
  index.reset(store.view());
  const nodes = ["node1", "node2"].map((id) => new NodeAssignments(id));
  const told = new Map<NodeAssignments, Map<ItemKey, Assignment>>(
    nodes.map((node) => [node, new Map()]),
  );
  store.subscribe((events) => {
    for (const event of events) {
      for (const { scope, key } of index.apply(event, store.view())) {
        for (const node of nodes) if (node.isIn(scope)) node.touch(key);
      }
      for (const node of nodes) {
        if (event.table === "task") {
          node.touch(`task/${event.object.id}`);
          node.touchInterests();
        } else if (event.table === "network") node.touchInterests();
      }
    }
  });
  for (let step = 0; step < 60; step += 1) {
    await store.update((tx) => {
      const id = `task${1 + Math.floor(random.float() * 5)}`;
      const task = tx.get("task", id);
      const kind = pick(["task", "task", "task", "remove", "service", "network", "node"] as const);
      if (kind === "service") {
        const service = tx.get("service", "service1");
        const published = pick([0, 8080]);
        const ports = published === 0 ? [] : [{ targetPort: 80, publishedPort: published }];
        const fresh = aService({
          endpoint: {
            ports,
            virtualIps: pick([[], [{ networkId: "network2", address: "10.0.2.2/24" }]]),
          },
        });
        if (service) tx.update("service", { ...fresh, meta: service.meta });
      } else if (kind === "network") {
        const network = tx.get("network", "network2");
        if (network) tx.update("network", { ...network, vni: pick([0, 4098]) });
      } else if (kind === "node") {
        const node = tx.get("node", "node2");
        const dataPathAddress = pick(["10.77.0.2", "10.77.0.3"]);
        const attachments = pick([
          [],
          [{ networkId: "network2", addresses: ["10.0.2.9/24"], aliases: [] }],
        ]);
        if (node?.description) {
          tx.update("node", {
            ...node,
            attachments,
            description: { ...node.description, dataPathAddress },
          });
        }
      } else if (kind === "remove") {
        if (task) tx.remove("task", id);
      } else {
        const fresh = aTask({
          id,
          nodeId: pick(["node1", "node2"]),
          networks: pick([
            [],
            [onNetwork("network1", "10.0.1.5/24")],
            [onNetwork("network2", "10.0.2.5/24")],
          ]),
          status: { state: pick(["PENDING", "ASSIGNED", "RUNNING", "FAILED"] as const) },
          desiredState: pick(["RUNNING", "SHUTDOWN"] as const),
          spec: aTaskSpec({ container: { secrets: pick([[], [{ secretId: "secret1" }]]) } }),
        });
        if (task) tx.update("task", { ...fresh, meta: task.meta });
        else tx.create("task", fresh);
      }
    });
    if (random.float() < 0.5) continue;
    for (const node of nodes) {
      const known = told.get(node) ?? new Map<ItemKey, Assignment>();
      for (const { assignment, action } of node.collect({
        view: store.view(),
        index,
        held: new Set(),
      })) {
        const kind = assignment?.item ?? "task";
        const key: ItemKey = `${kind}/${assignment?.[kind]?.id ?? ""}`;
        if (action === "ASSIGNMENT_REMOVE")
          assert(known.delete(key), `removal of ${key}, which was never sent`);
        else if (assignment !== null) known.set(key, assignment);
      }
      const want = assignmentSet(store.view(), node.nodeId);
      const missing = diffAssignments(known, want);
      assert.deepEqual(brief(missing), [], `seed ${seed}, step ${step}, ${node.nodeId}`);
    }
  }
}
