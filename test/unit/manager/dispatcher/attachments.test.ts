import assert from "node:assert/strict";
import { must } from "../../../../src/base/assert.ts";
import { type ErrorCode, isClusterError } from "../../../../src/base/errors.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import type { NetworkInput } from "../../../../src/gen/skep/Network.ts";
import type { TaskInput } from "../../../../src/gen/skep/Task.ts";
import { startAllocator } from "../../../../src/manager/allocator/allocator-loop.ts";
import { createControl } from "../../../../src/manager/control/local-control.ts";
import { endpointsOfTask } from "../../../../src/manager/dispatcher/assignment-items.ts";
import { NetworkAttacher } from "../../../../src/manager/dispatcher/network-attacher.ts";
import type { AttachmentWish } from "../../../../src/manager/dispatcher/plan-attachment.ts";
import { planAttachmentReap } from "../../../../src/manager/orchestrator/attachments.ts";
import { nodeInfoOf } from "../../../../src/scheduler/node-info.ts";
import { schedule } from "../../../../src/scheduler/schedule.ts";
import { aCluster, aNetwork, aNode, aTask } from "../../../support/builders.ts";
import { settle } from "../../../support/fake-clock.ts";
import { createMemoryStore, type MemoryStore } from "../../../support/memory-proposer.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

const containerId = "c".repeat(64);
const wish: AttachmentWish = {
  containerId,
  containerName: "box",
  network: "backend",
  aliases: ["boxy"],
  address: "",
};

function attachable(given: NetworkInput = {}): NetworkInput {
  const annotations = { name: "backend" };
  return aNetwork({
    spec: { annotations, driver: { name: "overlay" }, attachable: true },
    ...given,
  });
}

function attachment(given: TaskInput = {}): ReturnType<typeof aTask> {
  return aTask({
    id: "attachment1",
    serviceId: "",
    slot: 0,
    serviceAnnotations: null,
    spec: {
      attachment: { containerId, containerName: "box" },
      networks: [{ target: "network1", aliases: ["boxy"] }],
    },
    networks: [{ networkId: "network1", addresses: ["10.0.1.9/24"], aliases: ["boxy"] }],
    ...given,
  });
}

describe("manager: attachments of containers made by hand", () => {
  let memory: MemoryStore;
  let attacher: NetworkAttacher;
  let allocator: { stop(): Promise<void> } | undefined;

  beforeEach(() => {
    memory = createMemoryStore();
    memory.seed("cluster", aCluster());
    memory.seed("node", aNode());
    attacher = new NetworkAttacher({ ...memory, random: seededRandom(1) });
  });
  afterEach(async () => {
    await allocator?.stop();
    allocator = undefined;
  });

  async function allocate(): Promise<void> {
    allocator = startAllocator({ ...memory, random: seededRandom(2), log: silentLogger });
    await settle();
  }

  const task = (id: string) => must(memory.store.view().get("task", id), id);
  const failed = (code: ErrorCode, text: RegExp) => (error: unknown) => {
    assert.ok(isClusterError(error, code), String(error));
    assert.match(error.message, text);
    return true;
  };

  const refusals: {
    name: string;
    network?: NetworkInput;
    given?: Partial<AttachmentWish>;
    code: ErrorCode;
    text: RegExp;
  }[] = [
    {
      name: "a network that is not there",
      given: { network: "nosuch" },
      code: "NOT_FOUND",
      text: /^network nosuch not found$/,
    },
    {
      name: "one that is going",
      network: { pendingDelete: true },
      code: "NOT_FOUND",
      text: /not found/,
    },
    {
      name: "one that is not attachable",
      network: aNetwork(),
      code: "PERMISSION_DENIED",
      text: /^network backend not manually attachable$/,
    },
    {
      name: "an address of another subnet",
      given: { address: "10.9.9.9" },
      code: "INVALID_ARGUMENT",
      text: /no configured subnet contains IP address 10\.9\.9\.9/,
    },
    { name: "no address", given: { address: "x" }, code: "INVALID_ARGUMENT", text: /IP address x/ },
    {
      name: "what is no container",
      given: { containerId: "box" },
      code: "INVALID_ARGUMENT",
      text: /is not the id of a container/,
    },
    {
      name: "an empty alias",
      given: { aliases: [""] },
      code: "INVALID_ARGUMENT",
      text: /is not a name/,
    },
    {
      name: "too many aliases",
      given: { aliases: Array.from({ length: 101 }, (_, n) => `a${n}`) },
      code: "INVALID_ARGUMENT",
      text: /100 at most/,
    },
  ];
  for (const { name, network = {}, given = {}, code, text } of refusals) {
    it(`are refused: ${name}`, async () => {
      memory.seed("network", { ...attachable(), ...network });
      await assert.rejects(attacher.attach("node1", { ...wish, ...given }), failed(code, text));
      assert.deepEqual([...memory.store.view().all("task")], []);
    });
  }

  it("get an address, and are known by the container's names", async () => {
    memory.seed("network", attachable());
    await allocate();
    const given = await attacher.attach("node1", wish);
    assert.deepEqual(given, {
      taskId: given.taskId,
      networkId: "network1",
      networkName: "backend",
    });
    const made = task(given.taskId);
    assert.equal(made.status?.state, "PENDING");
    assert.deepEqual([made.nodeId, made.serviceId], ["node1", ""]);
    const running = {
      ...made,
      status: { ...must(made.status, "status"), state: "RUNNING" as const },
    };
    const [endpoint] = endpointsOfTask(running, undefined);
    assert.deepEqual(
      [endpoint?.address, endpoint?.taskName, endpoint?.aliases],
      ["10.0.1.2/24", "box", ["boxy"]],
    );
  });

  it("get the address wished for once its holder has ended, and else are told why not", async () => {
    memory.seed("network", attachable());
    memory.seed("task", attachment());
    await allocate();
    const fixed = { ...wish, address: "10.0.1.9" };
    const late = assert.rejects(
      attacher.attach("node1", fixed),
      failed("FAILED_PRECONDITION", /network backend: address 10\.0\.1\.9 is already in use/),
    );
    await memory.clock.run(3_100);
    await late;
    assert.deepEqual([...memory.store.view().all("task")].length, 1);
    const gateway = assert.rejects(
      attacher.attach("node1", { ...wish, address: "10.0.1.1" }),
      failed("FAILED_PRECONDITION", /already in use/),
    );
    await memory.clock.run(3_100);
    await gateway;
    const inTime = attacher.attach("node1", fixed);
    await memory.clock.run(1_000);
    await memory.store.update((tx) => {
      const holder = task("attachment1");
      const status = { ...must(holder.status, "status"), state: "COMPLETE" as const };
      tx.update("task", { ...holder, status });
    });
    await memory.clock.run(1_000);
    assert.deepEqual(task((await inTime).taskId).networks[0]?.addresses, ["10.0.1.9/24"]);
  });

  it("go when the leader cannot give an address in time", async () => {
    memory.seed("network", attachable());
    const none = assert.rejects(attacher.attach("node1", wish), /no address was given within 8 s/);
    await memory.clock.run(8_100);
    await none;
    assert.deepEqual([...memory.store.view().all("task")], []);
  });

  it("stay on their node, whatever its availability", () => {
    const spec = { ...aNode().spec, availability: "DRAIN" as const };
    const nodes = [nodeInfoOf(aNode({ spec }), [])];
    const status = { state: "PENDING" as const };
    const tasks = [attachment({ status }), aTask({ id: "of-service", status })];
    const { assignments, unplaced } = schedule({ tasks, nodes, nowMs: 0 });
    assert.deepEqual(
      assignments.map(({ taskId, nodeId }) => [taskId, nodeId]),
      [["attachment1", "node1"]],
    );
    assert.deepEqual(
      unplaced.map(({ taskId }) => taskId),
      ["of-service"],
    );
  });

  it("keep their network from being removed, and are on no list", async () => {
    memory.seed("network", attachable());
    memory.seed("task", attachment(), aTask());
    const control = createControl({
      ...memory,
      readBarrier: async () => {},
      random: seededRandom(3),
    });
    await assert.rejects(
      control.removeNetwork({ ref: "backend" }),
      failed("FAILED_PRECONDITION", /^network network1 is in use by task attachment1$/),
    );
    const { tasks } = await control.listTasks({ filters: null });
    assert.deepEqual(
      tasks.map(({ id }) => id),
      ["task1"],
    );
    assert.equal((await control.getTask({ ref: "attachment1" })).task?.id, "attachment1");
    await memory.store.update((tx) => tx.remove("task", "attachment1"));
    await control.removeNetwork({ ref: "backend" });
  });

  const createdMs = 1_700_000_000_000;
  const reaps: { name: string; given: TaskInput; nowMs: number; want: object[] }[] = [
    { name: "one that runs stays", given: {}, nowMs: createdMs, want: [] },
    {
      name: "one whose node lost it goes",
      given: { status: { state: "ORPHANED" } },
      nowMs: createdMs,
      want: [{ kind: "removeTask", taskId: "attachment1" }],
    },
    {
      name: "one whose container ended goes",
      given: { status: { state: "COMPLETE" } },
      nowMs: createdMs,
      want: [{ kind: "removeTask", taskId: "attachment1" }],
    },
    {
      name: "one that waits for its address is looked at again",
      given: { status: { state: "NEW" } },
      nowMs: createdMs,
      want: [{ kind: "wakeAt", atMs: createdMs + 60_000 }],
    },
    {
      name: "one that nobody was told of for a minute goes",
      given: { status: { state: "NEW" } },
      nowMs: createdMs + 60_000,
      want: [{ kind: "removeTask", taskId: "attachment1" }],
    },
    {
      name: "tasks of services are others' business",
      given: { spec: { container: { image: "x" } }, status: { state: "COMPLETE" } },
      nowMs: createdMs,
      want: [],
    },
  ];
  for (const { name, given, nowMs, want } of reaps) {
    it(`reaping: ${name}`, () => {
      assert.deepEqual(planAttachmentReap([attachment(given)], nowMs), want);
    });
  }
});
