import assert from "node:assert/strict";
import { isClusterError } from "../../../../src/base/errors.ts";
import { changeConfig, leaveJoint } from "../../../../src/raft/core/confchange/changer.ts";
import { confStateOf, restoreConfig } from "../../../../src/raft/core/confchange/member-config.ts";
import type { ConfChange, ConfChangeType, ConfState } from "../../../../src/raft/core/types.ts";
import { aConfState } from "../../../support/raft-memory-storage.ts";

const change = (...changes: [ConfChangeType, number][]): ConfChange => ({
  changes: changes.map(([type, raftId]) => ({ type, raftId })),
  transition: "TRANSITION_AUTO",
});

describe("membership changes", () => {
  const table: { name: string; from: ConfState; change: ConfChange; want: ConfState }[] = [
    {
      name: "a voter comes",
      from: aConfState([1]),
      change: change(["CONF_ADD_NODE", 2]),
      want: aConfState([1, 2]),
    },
    {
      name: "a learner comes",
      from: aConfState([1]),
      change: change(["CONF_ADD_LEARNER", 2]),
      want: aConfState([1], [2]),
    },
    {
      name: "a learner becomes a voter",
      from: aConfState([1], [2]),
      change: change(["CONF_ADD_NODE", 2]),
      want: aConfState([1, 2]),
    },
    {
      name: "a voter becomes a learner",
      from: aConfState([1, 2]),
      change: change(["CONF_ADD_LEARNER", 2]),
      want: aConfState([1], [2]),
    },
    {
      name: "a voter goes",
      from: aConfState([1, 2, 3]),
      change: change(["CONF_REMOVE_NODE", 2]),
      want: aConfState([1, 3]),
    },
    {
      name: "a stranger goes",
      from: aConfState([1]),
      change: change(["CONF_REMOVE_NODE", 9]),
      want: aConfState([1]),
    },
    {
      name: "two changes are joint",
      from: aConfState([1, 2, 3]),
      change: change(["CONF_ADD_NODE", 4], ["CONF_REMOVE_NODE", 1]),
      want: { ...aConfState([2, 3, 4]), votersOutgoing: [1, 2, 3], autoLeave: true },
    },
    {
      name: "a voter of the outgoing half learns only later",
      from: aConfState([1, 2, 3]),
      change: change(["CONF_ADD_LEARNER", 3], ["CONF_ADD_NODE", 4]),
      want: {
        ...aConfState([1, 2, 4]),
        votersOutgoing: [1, 2, 3],
        learnersNext: [3],
        autoLeave: true,
      },
    },
  ];
  for (const { name, from, change: wanted, want } of table) {
    it(name, () => assert.deepEqual(confStateOf(changeConfig(restoreConfig(from), wanted)), want));
  }

  it("ends a joint configuration with learners where they were promised", () => {
    const joint = changeConfig(
      restoreConfig(aConfState([1, 2, 3])),
      change(["CONF_ADD_LEARNER", 3], ["CONF_ADD_NODE", 4]),
    );
    assert.deepEqual(confStateOf(leaveJoint(joint)), aConfState([1, 2, 4], [3]));
  });

  const joint = { ...aConfState([1, 2]), votersOutgoing: [1], autoLeave: false };
  const refused: { name: string; from: ConfState; change: ConfChange }[] = [
    {
      name: "the last voter going",
      from: aConfState([1]),
      change: change(["CONF_REMOVE_NODE", 1]),
    },
    { name: "a change while joint", from: joint, change: change(["CONF_ADD_NODE", 3]) },
    { name: "leaving what is not joint", from: aConfState([1]), change: change() },
  ];
  for (const { name, from, change: wanted } of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => changeConfig(restoreConfig(from), wanted),
        (error) => isClusterError(error, "FAILED_PRECONDITION"),
      );
    });
  }
});
