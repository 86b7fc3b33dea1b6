import assert from "node:assert/strict";
import { isClusterError } from "../../../../src/base/errors.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import type { AssignmentsMessageInput } from "../../../../src/gen/skep/AssignmentsMessage.ts";
import type { SessionMessageInput } from "../../../../src/gen/skep/SessionMessage.ts";
import type { TaskInput } from "../../../../src/gen/skep/Task.ts";
import { Dispatcher } from "../../../../src/manager/dispatcher/dispatcher.ts";
import { aNetwork, aNode, aTask } from "../../../support/builders.ts";
import { settle } from "../../../support/fake-clock.ts";
import { createMemoryStore, type MemoryStore } from "../../../support/memory-proposer.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

interface Agent {
  sessionId: string;
  readonly sessions: SessionMessageInput[];
  readonly messages: AssignmentsMessageInput[];
  readonly abort: AbortController;
  error: unknown;
}

describe("manager: dispatcher", () => {
  let memory: MemoryStore;
  let dispatcher: Dispatcher;

  beforeEach(() => {
    memory = createMemoryStore();
    memory.seed("node", aNode({ status: { state: "READY_NODE" } }), aNode({ id: "node2" }));
  });
  afterEach(() => dispatcher.stop());

  async function start(): Promise<void> {
    const { store, clock } = memory;
    dispatcher = new Dispatcher({
      store,
      nodeId: "manager1",
      peers: () => [{ nodeId: "manager1", address: "10.0.0.1:2377" }],
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    const begun = dispatcher.start();
    await settle();
    await begun;
  }

  async function connect(nodeId: string): Promise<Agent> {
    const agent: Agent = {
      sessionId: "",
      sessions: [],
      messages: [],
      abort: new AbortController(),
      error: undefined,
    };
    const fail = (error: unknown) => {
      agent.error = error;
    };
    dispatcher
      .session(
        nodeId,
        { description: aNode().description, address: "10.77.0.9" },
        async (message) => {
          agent.sessions.push(message);
        },
        agent.abort.signal,
      )
      .catch(fail);
    await settle();
    agent.sessionId = agent.sessions[0]?.sessionId ?? "";
    dispatcher
      .assignments(
        nodeId,
        agent.sessionId,
        async (message) => {
          agent.messages.push(message);
        },
        agent.abort.signal,
      )
      .catch(fail);
    await settle();
    return agent;
  }

  const state = (id = "node1") => memory.store.view().get("node", id)?.status?.state;

  it("registers a node and tells it of the managers and of itself", async () => {
    await start();
    const agent = await connect("node1");
    assert.equal(state(), "READY_NODE");
    assert.equal(memory.store.view().get("node", "node1")?.status?.addr, "10.77.0.9");
    assert.equal(agent.sessions[0]?.managers?.[0]?.peer?.address, "10.0.0.1:2377");
    await memory.store.update((tx) => {
      const node = tx.get("node", "node1");
      if (node) tx.update("node", { ...node, role: "MANAGER" });
    });
    await settle();
    assert.equal(agent.sessions.length, 2);
    assert.equal(agent.sessions[1]?.node?.role, "MANAGER");
  });

  it("gives a node up after three periods without a heartbeat", async () => {
    await start();
    const agent = await connect("node1");
    for (let beat = 0; beat < 5; beat += 1) {
      await memory.clock.run(5_000);
      const nextMs = dispatcher.heartbeat("node1", agent.sessionId);
      assert(nextMs >= 4_500 && nextMs <= 5_500);
    }
    assert.equal(state(), "READY_NODE");
    await memory.clock.run(14_999);
    assert.equal(state(), "READY_NODE");
    await memory.clock.run(2);
    assert.equal(state(), "DOWN");
    assert.equal(memory.store.view().get("node", "node1")?.status?.message, "heartbeat failure");
    assert.throws(() => dispatcher.heartbeat("node1", agent.sessionId), /open a new one/);
    await connect("node1");
    assert.equal(state(), "READY_NODE");
  });

  it("takes a node that has left for down at once", async () => {
    await start();
    const agent = await connect("node1");
    await assert.rejects(dispatcher.left("node1", "other"), /open a new one/);
    assert.equal(state(), "READY_NODE");
    await dispatcher.left("node1", agent.sessionId);
    assert.equal(state(), "DOWN");
    const { status } = memory.store.view().get("node", "node1") ?? {};
    assert.equal(status?.message, "the node has left the swarm");
    assert.throws(() => dispatcher.heartbeat("node1", agent.sessionId), /open a new one/);
    await memory.clock.run(60_000);
    assert.equal(
      memory.store.view().get("node", "node1")?.status?.message,
      "the node has left the swarm",
    );
  });

  it("a new leader does not know who is up, but keeps who is down", async () => {
    memory.seed("node", aNode({ id: "node3", status: { state: "DOWN", message: "x" } }));
    await start();
    assert.deepEqual([state("node1"), state("node3")], ["UNKNOWN", "DOWN"]);
    await connect("node1");
    assert.equal(state("node1"), "READY_NODE");
    await memory.clock.run(30_001);
    assert.equal(state("node2"), "DOWN");
  });

  it("a newer session ends the older one; a removed node's session ends", async () => {
    await start();
    const old = await connect("node1");
    const agent = await connect("node1");
    assert.match(String(old.error), /newer session/);
    await memory.store.update((tx) => tx.remove("node", "node1"));
    await settle();
    assert.match(String(agent.error), /was removed/);
    await assert.rejects(
      dispatcher.session(
        "node1",
        { description: null, address: "" },
        async () => {},
        agent.abort.signal,
      ),
      /was removed/,
    );
  });

  it("takes no more than 8 sessions of a node in 8 seconds", async () => {
    await start();
    const agents: Agent[] = [];
    for (let count = 0; count < 9; count += 1) agents.push(await connect("node1"));
    assert.equal(agents[8]?.sessions.length, 0);
    assert.equal(agents[7]?.error, undefined, "the last good one goes on");
    const request = { description: null, address: "" };
    const { signal } = new AbortController();
    await assert.rejects(
      dispatcher.session("node1", request, async () => {}, signal),
      (error) => isClusterError(error, "RESOURCE_EXHAUSTED"),
    );
    assert.equal((await connect("node2")).error, undefined, "others are free");
    await memory.clock.run(8_000);
    assert.equal((await connect("node1")).error, undefined);
  });

  it("the end of the leadership ends sessions with NOT_LEADER", async () => {
    await start();
    const agent = await connect("node1");
    await dispatcher.stop();
    await settle();
    assert.equal((agent.error as { code?: string }).code, "NOT_LEADER");
  });

  describe("stop order", () => {
    const onNetwork = (id: string, nodeId: string, address: string): TaskInput => ({
      ...aTask({ id, nodeId }),
      networks: [{ networkId: "network1", addresses: [address] }],
    });

    async function shutDown(id: string): Promise<void> {
      await memory.store.update((tx) => {
        const task = tx.get("task", id);
        if (task) tx.update("task", { ...task, desiredState: "SHUTDOWN" });
      });
      await memory.clock.run(10);
    }

    const brief = (message: AssignmentsMessageInput | undefined) =>
      (message?.changes ?? []).map(({ assignment }) =>
        assignment?.task
          ? `task ${assignment.task.id} ${assignment.task.desiredState}`
          : `endpoint ${assignment?.endpoint?.id} ${assignment?.endpoint?.serving}`,
      );

    async function twoNodes(): Promise<[Agent, Agent]> {
      memory.seed("network", aNetwork());
      memory.seed(
        "task",
        onNetwork("task1", "node1", "10.0.1.5/24"),
        onNetwork("task2", "node2", "10.0.1.6/24"),
      );
      await start();
      const agents: [Agent, Agent] = [await connect("node1"), await connect("node2")];
      assert.deepEqual(
        agents.map(({ messages }) => messages[0]?.type),
        ["COMPLETE_SET", "COMPLETE_SET"],
      );
      return agents;
    }

    it("tells all nodes first, and the task when all have acknowledged", async () => {
      const [one, two] = await twoNodes();
      await shutDown("task1");
      assert.deepEqual(brief(one.messages[1]), ["endpoint network1/task1 false"]);
      assert.deepEqual(brief(two.messages[1]), ["endpoint network1/task1 false"]);
      assert.equal(one.messages[1]?.appliesTo, one.messages[0]?.resultsIn);
      dispatcher.acknowledge("node1", one.sessionId, String(one.messages[1]?.resultsIn));
      await memory.clock.run(100);
      assert.equal(one.messages.length, 2);
      dispatcher.acknowledge("node2", two.sessionId, String(two.messages[0]?.resultsIn));
      await memory.clock.run(100);
      assert.equal(one.messages.length, 2, "an old acknowledgement does not count");
      dispatcher.acknowledge("node2", two.sessionId, String(two.messages[1]?.resultsIn));
      await memory.clock.run(20);
      assert.deepEqual(brief(one.messages[2]), ["task task1 SHUTDOWN"]);
    });

    it("does not wait for longer than 2 s", async () => {
      const [one] = await twoNodes();
      await shutDown("task1");
      await memory.clock.run(1_900);
      assert.equal(one.messages.length, 2);
      await memory.clock.run(200);
      assert.deepEqual(brief(one.messages[2]), ["task task1 SHUTDOWN"]);
    });

    it("does not wait for nodes that go", async () => {
      const [one, two] = await twoNodes();
      await shutDown("task1");
      dispatcher.acknowledge("node1", one.sessionId, String(one.messages[1]?.resultsIn));
      two.abort.abort();
      await memory.clock.run(20);
      assert.deepEqual(brief(one.messages[2]), ["task task1 SHUTDOWN"]);
    });

    it("a task without networks stops at once", async () => {
      memory.seed("task", aTask());
      await start();
      const agent = await connect("node1");
      await shutDown("task1");
      assert.deepEqual(brief(agent.messages[1]), ["task task1 SHUTDOWN"]);
    });
  });
});
