import assert from "node:assert/strict";
import { writeAssignment } from "../../../src/scheduler/write-placement.ts";
import { aNode, aTask } from "../../support/builders.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

const now = { seconds: 5, nanos: 0 };

describe("writeAssignment", () => {
  const cases = [
    { name: "nodes as they were", availability: "ACTIVE", nodesChanged: false, want: "ASSIGNED" },
    { name: "another node changed", availability: "ACTIVE", nodesChanged: true, want: "ASSIGNED" },
    { name: "the node is drained by now", availability: "DRAIN", nodesChanged: true, want: "back" },
  ] as const;
  for (const { name, availability, nodesChanged, want } of cases) {
    it(name, () => {
      const { store, seed } = createMemoryStore();
      seed("node", aNode({ id: "n1", spec: { availability } }));
      seed("task", aTask({ id: "t1", nodeId: "", status: { state: "PENDING" } }));
      const tx = store.begin();
      const assignment = { taskId: "t1", nodeId: "n1", generic: [] };
      const back = writeAssignment(tx, assignment, now, nodesChanged);
      const task = tx.get("task", "t1");
      assert.equal(back === undefined ? task?.status?.state : "back", want);
      assert.equal(task?.nodeId, want === "back" ? "" : "n1");
    });
  }

  it("writes the generic resources that were set apart, and nothing for a task that needs no node", () => {
    const { store, seed } = createMemoryStore();
    seed("node", aNode({ id: "n1" }));
    seed("task", aTask({ id: "t1", nodeId: "", status: { state: "PENDING" } }));
    seed("task", aTask({ id: "t2", nodeId: "", status: { state: "NEW" } }));
    const tx = store.begin();
    const generic = [{ discrete: { kind: "GPU", value: 2 }, resource: "discrete" as const }];
    for (const taskId of ["t1", "t2", "gone"]) {
      assert.equal(writeAssignment(tx, { taskId, nodeId: "n1", generic }, now, true), undefined);
    }
    assert.deepEqual(tx.get("task", "t1")?.assignedGenericResources, generic);
    assert.deepEqual(
      tx.changes().map(({ object }) => object.id),
      ["t1"],
    );
  });
});
