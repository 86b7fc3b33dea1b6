import assert from "node:assert/strict";
import type { ApiClient } from "../../../src/cli/client.ts";
import { convergenceOf } from "../../../src/cli/service/convergence.ts";
import { waitForService } from "../../../src/cli/service/wait.ts";
import type { Session } from "../../../src/cli/session.ts";
import type { NodeJson } from "../../../src/rest/wire/node.ts";
import type { ServiceJson, ServiceModeJson } from "../../../src/rest/wire/service.ts";
import type { TaskJson, TaskStateJson } from "../../../src/rest/wire/task.ts";

const object = { Version: { Index: 1 }, CreatedAt: "", UpdatedAt: "" };

function aService(Mode: ServiceModeJson, more: Partial<ServiceJson> = {}): ServiceJson {
  return {
    ...object,
    ID: "svc1",
    Spec: { Name: "web", Labels: {}, TaskTemplate: { ForceUpdate: 0 }, Mode },
    Endpoint: {},
    ...more,
  };
}

function aTask(Slot: number, State: TaskStateJson, more: Partial<TaskJson> = {}): TaskJson {
  return {
    ...object,
    ID: `task${Slot}${State}`,
    Labels: {},
    Spec: { ForceUpdate: 0 },
    Slot,
    NodeID: "node1",
    Status: { State, PortStatus: {} },
    DesiredState: "running",
    Volumes: null,
    ...more,
  };
}

function aNode(ID: string, more: Partial<NodeJson> = {}): NodeJson {
  return {
    ...object,
    ID,
    Spec: { Labels: {}, Availability: "active" },
    Description: { Hostname: ID, Platform: {}, Resources: {}, Engine: {}, TLSInfo: {} },
    Status: { State: "ready" },
    ...more,
  };
}

const two = { Replicated: { Replicas: 2 } };
const nodes = [aNode("node1"), aNode("node2")];
const constrained = {
  Name: "web",
  Labels: {},
  TaskTemplate: { ForceUpdate: 0, Placement: { Constraints: ["node.id==x"] } },
};
const job = { JobStatus: { JobIteration: { Index: 3 } } };

describe("convergence of a service", () => {
  const cases: {
    name: string;
    service: ServiceJson;
    tasks: TaskJson[];
    nodes?: NodeJson[];
    want: [running: number, wanted: number, converged: boolean];
  }[] = [
    { name: "no task yet", service: aService(two), tasks: [], want: [0, 2, false] },
    {
      name: "one of two runs",
      service: aService(two),
      tasks: [aTask(1, "running"), aTask(2, "preparing")],
      want: [1, 2, false],
    },
    {
      name: "all run",
      service: aService(two),
      tasks: [aTask(1, "running"), aTask(2, "running")],
      want: [2, 2, true],
    },
    {
      name: "a task of before is on its way out",
      service: aService(two),
      tasks: [
        aTask(1, "running"),
        aTask(2, "running"),
        aTask(3, "running", { DesiredState: "shutdown" }),
      ],
      want: [2, 2, true],
    },
    {
      name: "one too many still runs",
      service: aService(two),
      tasks: [aTask(1, "running"), aTask(2, "running"), aTask(3, "running")],
      want: [3, 2, false],
    },
    {
      name: "two tasks in a slot count once",
      service: aService(two),
      tasks: [aTask(1, "running"), aTask(1, "ready", { ID: "other" }), aTask(2, "running")],
      want: [2, 2, true],
    },
    {
      name: "a node is down",
      service: aService(two),
      tasks: [aTask(1, "running"), aTask(2, "running", { NodeID: "node2" })],
      nodes: [aNode("node1"), aNode("node2", { Status: { State: "down" } })],
      want: [1, 2, false],
    },
    {
      name: "a global service on each node",
      service: aService({ Global: {} }),
      tasks: [aTask(0, "running"), aTask(0, "running", { ID: "b", NodeID: "node2" })],
      want: [2, 2, true],
    },
    {
      name: "a global service, not where nodes are drained",
      service: aService({ Global: {} }),
      tasks: [aTask(0, "running")],
      nodes: [aNode("node1"), aNode("node2", { Spec: { Labels: {}, Availability: "drain" } })],
      want: [1, 1, true],
    },
    {
      name: "a global service stays on paused nodes",
      service: aService({ Global: {} }),
      tasks: [aTask(0, "running"), aTask(0, "running", { ID: "b", NodeID: "node2" })],
      nodes: [aNode("node1"), aNode("node2", { Spec: { Labels: {}, Availability: "pause" } })],
      want: [2, 2, true],
    },
    {
      name: "a global service only where its constraints allow",
      service: aService({}, { Spec: { ...constrained, Mode: { Global: {} } } }),
      tasks: [aTask(0, "running")],
      want: [1, 1, true],
    },
    {
      name: "a global job before its first task",
      service: aService({}, { Spec: { ...constrained, Mode: { GlobalJob: {} } } }),
      tasks: [],
      want: [0, 1, false],
    },
    {
      name: "a job, by what is complete in this run of it",
      service: aService({ ReplicatedJob: { TotalCompletions: 2, MaxConcurrent: 1 } }, job),
      tasks: [
        aTask(0, "complete", { JobIteration: { Index: 3 } }),
        aTask(1, "complete", { JobIteration: { Index: 2 } }),
        aTask(1, "running", { JobIteration: { Index: 3 } }),
      ],
      want: [1, 2, false],
    },
    {
      name: "a job whose first slot was tried on two nodes",
      service: aService({ ReplicatedJob: { TotalCompletions: 1, MaxConcurrent: 1 } }, job),
      tasks: [
        aTask(0, "failed", { ID: "a", NodeID: "node2", JobIteration: { Index: 3 } }),
        aTask(0, "complete", { JobIteration: { Index: 3 } }),
      ],
      want: [1, 1, true],
    },
  ];
  for (const { name, service, tasks, nodes: known = nodes, want } of cases) {
    it(name, () => {
      const { running, wanted, converged } = convergenceOf(service, tasks, known);
      assert.deepEqual([running, wanted, converged], want);
    });
  }

  it("shows a line for each slot, with its error", () => {
    const failing = aTask(2, "rejected");
    failing.Status.Err = `no such image ${"x".repeat(100)}`;
    const { lines } = convergenceOf(aService(two), [aTask(1, "starting"), failing], nodes);
    assert.equal(lines[0], "1/2: starting");
    assert.match(lines[1] ?? "", /^2\/2: rejected {3}no such image x+…$/);
  });

  it("shows no lines for many tasks", () => {
    const many = aService({ Replicated: { Replicas: 21 } });
    assert.deepEqual(convergenceOf(many, [], nodes).lines, []);
  });
});

describe("waiting for a service", () => {
  const running = [aTask(1, "running"), aTask(2, "running")];

  /** Answers with one state of the service after the other, and stays with the last; each look takes two seconds. */
  function session(states: readonly Partial<ServiceJson>[], tasks: readonly TaskJson[][]) {
    const printed: string[] = [];
    const interrupted = new AbortController();
    let look = 0;
    const get = async (path: string): Promise<unknown> => {
      if (path === "/nodes") return nodes;
      if (path === "/tasks") return tasks[Math.min(look - 1, tasks.length - 1)];
      look += 1;
      return aService(two, states[Math.min(look - 1, states.length - 1)]);
    };
    const made: Session = {
      client: { get } as Partial<ApiClient> as ApiClient,
      print: (text) => void printed.push(text),
      warn: (text) => void printed.push(text),
      terminal: false,
      columns: 80,
      interrupted: interrupted.signal,
      // Time passes only from look to look.
      now: () => look * 5_000,
    };
    return { session: made, printed, interrupted, looks: () => look };
  }

  it("ends once the tasks ran for the monitor time", async () => {
    const fake = session([{}], [running]);
    await waitForService(fake.session, "svc1", { quiet: false });
    assert.deepEqual(fake.printed, [
      "overall progress: 2 out of 2 tasks",
      "Service svc1 converged",
    ]);
    assert.equal(fake.looks(), 2);
  });

  it("ends at once when an update was completed", async () => {
    const fake = session([{ UpdateStatus: { State: "completed" } }], [running]);
    await waitForService(fake.session, "svc1", { quiet: true });
    assert.equal(fake.looks(), 1);
    assert.deepEqual(fake.printed, []);
  });

  const failures: { name: string; status: ServiceJson["UpdateStatus"]; want: RegExp }[] = [
    {
      name: "a paused update",
      status: { State: "paused", Message: "update paused due to failure" },
      want: /service update paused: update paused due to failure/,
    },
    {
      name: "a paused rollback",
      status: { State: "rollback_paused", Message: "why" },
      want: /service rollback paused: why/,
    },
    {
      name: "an update that was rolled back",
      status: { State: "rollback_completed", Message: "rollback completed" },
      want: /service rolled back: rollback completed/,
    },
  ];
  for (const { name, status, want } of failures) {
    it(`fails with ${name}`, async () => {
      const fake = session([status === undefined ? {} : { UpdateStatus: status }], [running]);
      await assert.rejects(waitForService(fake.session, "svc1", { quiet: true }), want);
    });
  }

  it("is content with a rollback that was asked for", async () => {
    const fake = session([{ UpdateStatus: { State: "rollback_completed" } }], [running]);
    await waitForService(fake.session, "svc1", { quiet: true, rollback: true });
  });

  it("draws over its lines on a terminal, none wider than it", async () => {
    const fake = session([{}], [[], running]);
    await waitForService({ ...fake.session, terminal: true, columns: 20 }, "svc1", {
      quiet: false,
    });
    assert.deepEqual(fake.printed.slice(0, 2), [
      "overall progress: 0 \n1/2: new\n2/2: new",
      "\u001b[3A\u001b[Joverall progress: 2 \n1/2: running\n2/2: running\nverify: waiting to s",
    ]);
  });

  it("leaves the work to the cluster on Ctrl-C", async () => {
    const fake = session([{}], [[]]);
    fake.interrupted.abort();
    await waitForService(fake.session, "svc1", { quiet: true });
    assert.match(fake.printed.join("\n"), /continuing in background[\s\S]*service ps svc1/);
  });
});
