import assert from "node:assert/strict";
import type { TaskState } from "../../../../src/gen/skep/TaskState.ts";
import { lowestFree, scaleDownVictims } from "../../../../src/manager/orchestrator/scale.ts";
import { numberedPlace, slotsOf } from "../../../../src/manager/orchestrator/slots.ts";
import { aNode, aService, aTask } from "../../../support/builders.ts";

const nodes = new Map(["a", "b", "c"].map((id) => [id, aNode({ id })]));

describe("scaleDownVictims", () => {
  // Each slot, from 1: node and state.
  const cases: { name: string; given: [string, TaskState][]; count: number; want: number[] }[] = [
    {
      name: "takes from the node with most copies",
      given: [
        ["a", "RUNNING"],
        ["a", "RUNNING"],
        ["b", "RUNNING"],
      ],
      count: 1,
      want: [2],
    },
    {
      name: "prefers what is not running among equals",
      given: [
        ["a", "PREPARING"],
        ["b", "RUNNING"],
        ["c", "RUNNING"],
      ],
      count: 1,
      want: [1],
    },
    {
      name: "takes first what is on no node",
      given: [
        ["a", "RUNNING"],
        ["", "PENDING"],
        ["a", "RUNNING"],
      ],
      count: 1,
      want: [2],
    },
    {
      name: "keeps one on each node as long as it can",
      given: [
        ["a", "RUNNING"],
        ["a", "RUNNING"],
        ["a", "RUNNING"],
        ["b", "RUNNING"],
        ["c", "RUNNING"],
      ],
      count: 2,
      want: [3, 2],
    },
    {
      name: "takes dead slots before anything alive",
      given: [
        ["a", "FAILED"],
        ["", "PENDING"],
        ["a", "RUNNING"],
      ],
      count: 2,
      want: [1, 2],
    },
    { name: "takes nothing when asked for none", given: [["a", "RUNNING"]], count: -1, want: [] },
  ];
  for (const { name, given, count, want } of cases) {
    it(name, () => {
      const tasks = given.map(([nodeId, state], n) =>
        aTask({ id: `t${n + 1}`, slot: n + 1, nodeId, status: { state } }),
      );
      const slots = slotsOf(aService(), tasks, nodes, numberedPlace);
      const victims = scaleDownVictims(slots, count).map((slot) => slot.place.slot);
      assert.deepEqual(victims, want);
    });
  }
});

describe("lowestFree", () => {
  const cases = [
    { name: "from the start", taken: [], count: 2, first: 1, want: [1, 2] },
    { name: "fills gaps", taken: [1, 3], count: 3, first: 1, want: [2, 4, 5] },
    { name: "from zero", taken: [1], count: 2, first: 0, want: [0, 2] },
    { name: "none", taken: [], count: 0, first: 1, want: [] },
  ];
  for (const { name, taken, count, first, want } of cases) {
    it(name, () => assert.deepEqual(lowestFree(new Set(taken), count, first), want));
  }
});
