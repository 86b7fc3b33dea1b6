import assert from "node:assert/strict";
import { ClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { AttachNetworkResponse } from "../../../src/gen/skep/AttachNetworkResponse.ts";
import type { Task } from "../../../src/gen/skep/Task.ts";
import type { TaskState } from "../../../src/gen/skep/TaskState.ts";
import { AttachmentTasks } from "../../../src/worker/executor/attachment-tasks.ts";
import { TaskRunner } from "../../../src/worker/executor/task-runner.ts";
import { aTask } from "../../support/builders.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

const containerId = "c".repeat(64);
const wish = { containerId, containerName: "box", network: "net", aliases: [], address: "" };
const answer: AttachNetworkResponse = { taskId: "t1", networkId: "n1", networkName: "net" };

function attachment(id = "t1", state: TaskState = "ASSIGNED"): Task {
  return aTask({
    id,
    serviceId: "",
    spec: { attachment: { containerId, containerName: "box" } },
    networks: [{ networkId: "n1", addresses: ["10.0.1.5/24"] }],
    status: { state },
  });
}

describe("attachments of a node", () => {
  let clock: FakeClock;
  let held: Set<string>;
  let dropped: string[];
  let attachments: AttachmentTasks;
  let states: string[];
  let runners: TaskRunner[];

  beforeEach(() => {
    clock = new FakeClock();
    held = new Set();
    dropped = [];
    states = [];
    runners = [];
    attachments = new AttachmentTasks({
      places: {
        holds: (id, taskId) => id === containerId && held.has(taskId),
        drop: async (_, taskId) => {
          if (held.delete(taskId)) dropped.push(taskId);
        },
      },
      networksReady: async () => {},
      clock,
    });
  });
  afterEach(() => Promise.all(runners.map((runner) => runner.stop())));

  function run(task: Task): TaskRunner {
    const status = task.status;
    assert.ok(status !== null);
    const runner = new TaskRunner(task, status, {
      controller: attachments,
      clock,
      log: silentLogger,
      onStatus: (id, { state }) => states.push(`${id} ${state}`),
    });
    runners.push(runner);
    runner.start();
    return runner;
  }

  it("live as long as the container has its place", async () => {
    attachments.connected(async () => answer);
    const asked = attachments.attach(wish);
    await settle();
    run(attachment());
    const place = await asked;
    assert.deepEqual(place, { ...answer, address: "10.0.1.5/24" });
    await settle();
    assert.equal(states.at(-1), "t1 STARTING");
    held.add("t1");
    attachments.settle("t1");
    await settle();
    assert.equal(states.at(-1), "t1 RUNNING");
    attachments.released(containerId);
    await settle();
    assert.equal(states.at(-1), "t1 RUNNING");
    held.delete("t1");
    attachments.released(containerId);
    await settle();
    assert.equal(states.at(-1), "t1 COMPLETE");
  });

  it("may be here before the answer that names them", async () => {
    let tell: (response: AttachNetworkResponse) => void = () => {};
    attachments.connected(() => new Promise((resolve) => (tell = resolve)));
    const asked = attachments.attach(wish);
    await settle();
    run(attachment());
    await settle();
    assert.equal(states.at(-1), "t1 PREPARING");
    tell(answer);
    assert.equal((await asked).address, "10.0.1.5/24");
  });

  it("do not wait for the answers to others", async () => {
    attachments.connected(({ network }) =>
      network === "slow" ? new Promise(() => {}) : Promise.resolve(answer),
    );
    void attachments.attach({ ...wish, network: "slow" });
    const asked = attachments.attach(wish);
    await settle();
    run(attachment());
    assert.equal((await asked).address, "10.0.1.5/24");
  });

  const ends: { name: string; task: Task; held: boolean; want: string }[] = [
    { name: "asked for by nobody", task: attachment(), held: false, want: "t1 REJECTED" },
    {
      name: "of a container that ended while the daemon was away",
      task: attachment("t1", "RUNNING"),
      held: false,
      want: "t1 COMPLETE",
    },
    {
      name: "of one that was about to run",
      task: attachment("t1", "STARTING"),
      held: false,
      want: "t1 FAILED",
    },
    {
      name: "of one that was linked when the daemon went",
      task: attachment("t1", "PREPARING"),
      held: true,
      want: "t1 RUNNING",
    },
  ];
  for (const { name, task, held: isHeld, want } of ends) {
    it(`end at once, or go on: ${name}`, async () => {
      if (isHeld) held.add(task.id);
      run(task);
      await settle();
      assert.equal(states.at(-1), want);
      assert.deepEqual(dropped, []);
    });
  }

  it("take the container off the network when the managers want it so", async () => {
    held.add("t1");
    const runner = run(attachment("t1", "RUNNING"));
    await settle();
    await runner.remove();
    assert.deepEqual(dropped, ["t1"]);
  });

  it("of an earlier run leave a later one's place alone", async () => {
    held.add("t2");
    const runner = run(attachment("t1", "RUNNING"));
    await settle();
    await runner.remove();
    assert.deepEqual(dropped, []);
  });

  it("are asked for until a manager answers, for 20 s", async () => {
    const asked = attachments.attach(wish);
    const failed = assert.rejects(asked, /reaches no manager/);
    await clock.run(20_100);
    await failed;
    let calls = 0;
    attachments.connected(async () => {
      calls += 1;
      if (calls < 3) throw new ClusterError("NOT_LEADER", "another leads");
      return answer;
    });
    const again = attachments.attach(wish);
    await clock.run(1_000);
    run(attachment());
    assert.equal((await again).taskId, "t1");
    attachments.connected(async () => {
      throw new ClusterError("PERMISSION_DENIED", "not attachable");
    });
    await assert.rejects(attachments.attach(wish), /not attachable/);
  });

  it("that never come are given up", async () => {
    attachments.connected(async () => answer);
    const asked = assert.rejects(attachments.attach(wish), /setting up network net on this node/);
    await clock.run(20_100);
    await asked;
    run(attachment());
    await settle();
    assert.equal(states.at(-1), "t1 REJECTED");
  });
});
