import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../src/base/errors.ts";
import type {
  AssignmentsMessage,
  AssignmentsMessageInput,
} from "../../../src/gen/skep/AssignmentsMessage.ts";
import type {
  NodeDescription,
  NodeDescriptionInput,
} from "../../../src/gen/skep/NodeDescription.ts";
import { fillPlaceholders } from "../../../src/model/placeholder.ts";
import { messageCodec } from "../../../src/rpc/load-proto.ts";
import { applyAssignments, emptyAssignmentSet } from "../../../src/worker/agent/assignment-set.ts";
import { AssignmentStore } from "../../../src/worker/agent/assignment-store.ts";
import { planNetworkState } from "../../../src/worker/executor/network-state.ts";
import { placeholderContext } from "../../../src/worker/executor/placeholder-context.ts";
import { aTask } from "../../support/builders.ts";

const descriptions = messageCodec<NodeDescriptionInput, NodeDescription>("NodeDescription");
const messages = messageCodec<AssignmentsMessageInput, AssignmentsMessage>("AssignmentsMessage");

function assignmentsOf(input: AssignmentsMessageInput) {
  return applyAssignments(emptyAssignmentSet, messages.decode(messages.encode(input)));
}

describe("templates", () => {
  const node = descriptions.decode(
    descriptions.encode({ hostname: "host-a", platform: { os: "linux", architecture: "x86_64" } }),
  );
  const task = aTask({
    slot: 3,
    serviceId: "svc1",
    serviceAnnotations: { name: "web", labels: { tier: "front" } },
  });
  const cases: { given: string; want: string }[] = [
    { given: "{{.Service.Name}}-{{.Task.Slot}}", want: "web-3" },
    { given: "{{ .Service.ID }}", want: "svc1" },
    { given: "{{.Node.Hostname}}/{{.Node.ID}}", want: "host-a/node1" },
    { given: "{{.Node.Platform.OS}}-{{.Node.Platform.Architecture}}", want: "linux-x86_64" },
    { given: "{{.Task.ID}}", want: "task1" },
    { given: "{{.Task.Name}}", want: "web.3.task1" },
    { given: "{{.Service.Labels.tier}}", want: "front" },
    { given: '{{index .Service.Labels "tier"}}', want: "front" },
    { given: '{{index .Service.Labels "none"}}', want: "" },
    { given: "nothing { to } do", want: "nothing { to } do" },
  ];
  for (const { given, want } of cases) {
    it(`${given} -> ${want}`, () => {
      assert.equal(fillPlaceholders(given, placeholderContext(task, "node1", node)), want);
    });
  }

  it("gives a global task its node as slot", () => {
    const global = aTask({ slot: 0 });
    assert.equal(
      fillPlaceholders("{{.Task.Slot}}", placeholderContext(global, "node9", node)),
      "node9",
    );
  });

  it("refuses what it does not know", () => {
    assert.throws(
      () => fillPlaceholders("{{.Secret}}", placeholderContext(task, "node1", node)),
      (error: unknown) => isClusterError(error, "INVALID_ARGUMENT"),
    );
  });
});

describe("the networks of a node", () => {
  it("says which endpoints are its own, and names protocols in lower case", () => {
    const { set } = assignmentsOf({
      type: "COMPLETE_SET",
      changes: [
        {
          assignment: {
            network: {
              id: "net1",
              name: "back",
              vni: 4097,
              subnet: "10.0.1.0/24",
              driverOptions: { "com.docker.network.driver.mtu": "1400" },
            },
          },
        },
        {
          assignment: { endpoint: { id: "e1", networkId: "net1", nodeId: "node1", serving: true } },
        },
        { assignment: { endpoint: { id: "e2", networkId: "net1", nodeId: "node2" } } },
        {
          assignment: {
            service: {
              id: "svc1",
              name: "web",
              virtualIps: [{ networkId: "net1", address: "10.0.1.2/24" }],
              ports: [
                { protocol: "UDP", publishedPort: 53, targetPort: 5353, publishMode: "HOST" },
              ],
            },
          },
        },
      ],
    });
    const state = planNetworkState(set, "node1");
    assert.deepEqual(
      state.networks.map(({ id, vni, mtu }) => ({ id, vni, mtu })),
      [{ id: "net1", vni: 4097, mtu: 1400 }],
    );
    assert.deepEqual(
      state.endpoints.map(({ id, local, serving }) => ({ id, local, serving })),
      [
        { id: "e1", local: true, serving: true },
        { id: "e2", local: false, serving: false },
      ],
    );
    assert.deepEqual(state.services[0]?.ports, [
      { protocol: "udp", published: 53, target: 5353, mode: "host" },
    ]);
  });

  for (const mtu of ["none", "100", "1.5"]) {
    it(`does not take "${mtu}" for an MTU`, () => {
      const network = { id: "n", driverOptions: { "com.docker.network.driver.mtu": mtu } };
      const { set } = assignmentsOf({
        type: "COMPLETE_SET",
        changes: [{ assignment: { network } }],
      });
      assert.equal(planNetworkState(set, "node1").networks[0]?.mtu, undefined);
    });
  }
});

describe("files of a worker", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-worker-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("remembers tasks and how far they got, but no secrets", async () => {
    const { set, deltas } = assignmentsOf({
      type: "COMPLETE_SET",
      changes: [
        { assignment: { task: { id: "t1", slot: 4 } } },
        { assignment: { network: { id: "n1", vni: 5 } } },
        { assignment: { secret: { id: "s1" } } },
      ],
    });
    const store = await AssignmentStore.open(join(folder, "tasks"));
    await store.save(deltas, set);
    const { status } = aTask({ status: { state: "RUNNING" } });
    assert.ok(status);
    await store.saveStatus("t1", status);
    await store.saveStatus("t2", status);
    await store.removeStatus("t2");
    await store.close();

    const again = await AssignmentStore.open(join(folder, "tasks"));
    const known = await again.load();
    assert.equal(known.set.task.get("t1")?.slot, 4);
    assert.equal(known.set.network.get("n1")?.vni, 5);
    assert.equal(known.set.secret.size, 0);
    assert.deepEqual(
      [...known.statuses].map(([id, { state }]) => [id, state]),
      [["t1", "RUNNING"]],
    );

    const empty = messages.decode(messages.encode({ type: "COMPLETE_SET", changes: [] }));
    const gone = applyAssignments(known.set, empty);
    await again.save(gone.deltas, gone.set);
    assert.equal((await again.load()).set.task.size, 0);
    await again.close();
  });
});
