import assert from "node:assert/strict";
import fc from "fast-check";
import { isClusterError } from "../../../../src/base/errors.ts";
import {
  changeConfig,
  changeSimply,
  enterJoint,
  leaveJoint,
} from "../../../../src/raft/core/confchange/changer.ts";
import {
  confStateOf,
  isJoint,
  type MemberConfig,
  memberIds,
  restoreConfig,
} from "../../../../src/raft/core/confchange/member-config.ts";
import { jointVoteResult } from "../../../../src/raft/core/quorum/joint.ts";
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

  it("refuses two voters at once without a joint configuration", () => {
    const { changes } = change(["CONF_ADD_NODE", 4], ["CONF_REMOVE_NODE", 1]);
    assert.throws(
      () => changeSimply(restoreConfig(aConfState([1, 2, 3])), changes),
      (error) => isClusterError(error, "FAILED_PRECONDITION"),
    );
  });
});

describe("any sequence of membership changes", () => {
  const types: ConfChangeType[] = ["CONF_ADD_NODE", "CONF_REMOVE_NODE", "CONF_ADD_LEARNER"];
  const single = fc.record({
    type: fc.constantFrom(...types),
    raftId: fc.integer({ min: 1, max: 6 }),
  });
  const anyChange: fc.Arbitrary<ConfChange> = fc.record({
    changes: fc.array(single, { maxLength: 3 }),
    transition: fc.constantFrom("TRANSITION_AUTO", "TRANSITION_JOINT_EXPLICIT"),
  });

  it("has majorities that overlap from one configuration to the next", () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 12 }), (changes) => {
        let config = restoreConfig(aConfState([1, 2, 3]));
        for (const wanted of changes) {
          const next = tryChange(config, wanted);
          if (next === undefined) continue;
          assertOverlap(config, next);
          config = next;
        }
      }),
      { numRuns: 300 },
    );
  });

  it("ends the same by single changes and by one joint change", () => {
    fc.assert(
      fc.property(fc.array(single, { minLength: 1, maxLength: 5 }), (changes) => {
        const start = restoreConfig(aConfState([1, 2, 3], [4]));
        let simple: MemberConfig | undefined = start;
        for (const each of changes) {
          simple = simple && attempt(() => changeSimply(simple as MemberConfig, [each]));
        }
        const joint = attempt(() => leaveJoint(enterJoint(start, false, changes)));
        // One that passes through no voters at all, or through half of one, is refused by either.
        if (simple === undefined || joint === undefined) return;
        assert.deepEqual(confStateOf(joint), confStateOf(simple));
      }),
    );
  });

  it("keeps learners and voters apart, and never loses the last voter", () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 12 }), (changes) => {
        let config = restoreConfig(aConfState([1, 2, 3]));
        for (const wanted of changes) {
          config = tryChange(config, wanted) ?? config;
          const state = confStateOf(config);
          assert.ok(state.voters.length > 0);
          assert.deepEqual(state, confStateOf(restoreConfig(state)), "it can be stored");
          assert.equal(isJoint(config), state.votersOutgoing.length > 0);
        }
      }),
    );
  });
});

function tryChange(config: MemberConfig, wanted: ConfChange): MemberConfig | undefined {
  return attempt(() => changeConfig(config, wanted));
}

function attempt(make: () => MemberConfig): MemberConfig | undefined {
  try {
    return make();
  } catch (error) {
    assert.ok(isClusterError(error, "FAILED_PRECONDITION"));
    return undefined;
  }
}

/** No group that decides in one configuration leaves out a group that decides in the other. */
function assertOverlap(one: MemberConfig, other: MemberConfig): void {
  const ids = [...new Set([...memberIds(one), ...memberIds(other)])];
  for (let mask = 0; mask < 2 ** ids.length; mask += 1) {
    const isIn = (at: number): boolean => (mask & (2 ** at)) !== 0;
    const group = new Map(ids.map((id, at) => [id, isIn(at)]));
    const rest = new Map(ids.map((id, at) => [id, !isIn(at)]));
    const bothDecide =
      jointVoteResult(one, group) === "won" && jointVoteResult(other, rest) === "won";
    assert.ok(!bothDecide, `${textOf(one)} and ${textOf(other)} decide apart`);
  }
}

function textOf(config: MemberConfig): string {
  return JSON.stringify(confStateOf(config));
}
