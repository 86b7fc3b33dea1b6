import assert from "node:assert/strict";
import { silentLogger } from "../../../src/base/log.ts";
import type { NodeInput } from "../../../src/gen/skep/Node.ts";
import { planRoles, type RoleAction } from "../../../src/manager/plan-roles.ts";
import { RoleManager } from "../../../src/manager/role-manager.ts";
import { aNode } from "../../support/builders.ts";
import { FakeRaft } from "../../support/fake-raft.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

const member = (raftId: number, nodeId = `m${raftId}`) => ({
  raftId,
  nodeId,
  address: `${nodeId}:2377`,
});
const node = (
  id: string,
  desired: "WORKER" | "MANAGER",
  role: "WORKER" | "MANAGER",
  raftId = 0,
  given: NodeInput = {},
) =>
  aNode({
    id,
    role,
    spec: { annotations: {}, desiredRole: desired },
    managerStatus:
      raftId === 0
        ? null
        : { raftId, addr: `${id}:2377`, leader: raftId === 1, reachability: "REACHABLE" },
    ...given,
  });

describe("manager: roles", () => {
  const leader = node("m1", "MANAGER", "MANAGER", 1);
  const cases: {
    name: string;
    nodes: ReturnType<typeof node>[];
    members: number[];
    learners?: number[];
    unreachable?: number;
    want: RoleAction[];
  }[] = [
    {
      name: "all as wanted",
      nodes: [leader, node("w1", "WORKER", "WORKER")],
      members: [1],
      want: [],
    },
    {
      name: "promotion",
      nodes: [leader, node("w1", "MANAGER", "WORKER")],
      members: [1],
      want: [{ kind: "promote", nodeId: "w1" }],
    },
    {
      name: "promoted, not joined yet",
      nodes: [leader, node("w1", "MANAGER", "MANAGER")],
      members: [1],
      want: [],
    },
    {
      name: "demotion: out of raft first",
      nodes: [leader, node("m2", "WORKER", "MANAGER", 2)],
      members: [1, 2],
      want: [{ kind: "removeMember", raftId: 2 }],
    },
    {
      name: "demotion: then the role",
      nodes: [leader, node("m2", "WORKER", "MANAGER", 2)],
      members: [1],
      want: [
        { kind: "recordRemoved", raftId: 2, nodeId: "m2" },
        { kind: "demote", nodeId: "m2" },
        { kind: "setStatus", nodeId: "m2", status: null },
      ],
    },
    {
      name: "demotion of the leader: another must do it",
      nodes: [node("m1", "WORKER", "MANAGER", 1), node("m2", "MANAGER", "MANAGER", 2)],
      members: [1, 2],
      want: [{ kind: "transferLeadership" }],
    },
    {
      name: "a member whose node is gone",
      nodes: [leader],
      members: [1, 9],
      want: [{ kind: "removeMember", raftId: 9 }],
    },
    {
      name: "unreachable",
      nodes: [leader, node("m2", "MANAGER", "MANAGER", 2)],
      members: [1, 2],
      unreachable: 2,
      want: [
        {
          kind: "setStatus",
          nodeId: "m2",
          status: { raftId: 2, addr: "m2:2377", leader: false, reachability: "UNREACHABLE" },
        },
      ],
    },
    {
      name: "without a vote until it has caught up",
      nodes: [leader, node("m2", "MANAGER", "MANAGER")],
      members: [1, 2],
      learners: [2],
      want: [
        {
          kind: "setStatus",
          nodeId: "m2",
          status: {
            ...{ raftId: 2, addr: "m2:2377", leader: false },
            reachability: "REACHABILITY_UNKNOWN",
          },
        },
      ],
    },
  ];
  for (const { name, nodes, members, learners = [], unreachable, want } of cases) {
    it(name, () => {
      const actions = planRoles({
        nodes,
        members: members.map((id) => member(id)),
        membersBefore: [],
        learners,
        removed: new Set(),
        ownRaftId: 1,
        leaderId: 1,
        reachable: (id) => id !== unreachable,
      });
      assert.deepEqual(actions, want);
    });
  }

  it("demotes step by step until all is as wanted", async () => {
    const { store, seed, clock } = createMemoryStore();
    const raft = new FakeRaft(1, [member(1), member(2)]);
    seed("node", node("m1", "MANAGER", "MANAGER"), node("m2", "WORKER", "MANAGER", 2));
    const roles = new RoleManager({ store, raft, clock, log: silentLogger });
    roles.start();
    await clock.run(3_000);
    await roles.stop();
    assert.deepEqual(raft.calls, ["remove 2"]);
    const [m1, m2] = ["m1", "m2"].map((id) => store.view().get("node", id));
    assert.deepEqual([m2?.role, m2?.managerStatus], ["WORKER", null]);
    assert.deepEqual(m1?.managerStatus, {
      raftId: 1,
      addr: "m1:2377",
      leader: true,
      reachability: "REACHABLE",
    });
    assert.equal(clock.pending, 0);
  });
});
