import assert from "node:assert/strict";
import type {
  AssignmentsMessage,
  AssignmentsMessageInput,
} from "../../../src/gen/skep/AssignmentsMessage.ts";
import { messageCodec } from "../../../src/rpc/load-proto.ts";
import { applyAssignments, emptyAssignmentSet } from "../../../src/worker/agent/assignment-set.ts";

const codec = messageCodec<AssignmentsMessageInput, AssignmentsMessage>("AssignmentsMessage");
const message = (input: AssignmentsMessageInput): AssignmentsMessage =>
  codec.decode(codec.encode(input));

const complete = message({
  type: "COMPLETE_SET",
  changes: [
    { assignment: { task: { id: "t1" } } },
    { assignment: { task: { id: "t2" } } },
    { assignment: { network: { id: "n1" } } },
  ],
});

describe("applyAssignments", () => {
  it("takes a complete set as it is", () => {
    const { set, deltas } = applyAssignments(emptyAssignmentSet, complete);
    assert.deepEqual([...set.task.keys()], ["t1", "t2"]);
    assert.deepEqual([...set.network.keys()], ["n1"]);
    assert.equal(deltas.length, 3);
  });

  it("takes away what a complete set does not name", () => {
    const before = applyAssignments(emptyAssignmentSet, complete).set;
    const { set, deltas } = applyAssignments(
      before,
      message({ type: "COMPLETE_SET", changes: [{ assignment: { task: { id: "t2" } } }] }),
    );
    assert.deepEqual([...set.task.keys()], ["t2"]);
    const gone = deltas.filter(({ item }) => item === undefined).map(({ id }) => id);
    assert.deepEqual(gone, ["t1", "n1"]);
  });

  it("applies changes and removals to what was there", () => {
    const before = applyAssignments(emptyAssignmentSet, complete).set;
    const { set, deltas } = applyAssignments(
      before,
      message({
        type: "INCREMENTAL",
        changes: [
          { assignment: { task: { id: "t1" } }, action: "ASSIGNMENT_REMOVE" },
          { assignment: { secret: { id: "s1" } } },
          { assignment: { task: { id: "unknown" } }, action: "ASSIGNMENT_REMOVE" },
        ],
      }),
    );
    assert.deepEqual([...set.task.keys()], ["t2"]);
    assert.deepEqual([...set.secret.keys()], ["s1"]);
    assert.deepEqual(
      deltas.map(({ kind, id }) => `${kind} ${id}`),
      ["task t1", "secret s1"],
    );
    assert.equal(before.task.size, 2, "the set before is not touched");
  });
});
