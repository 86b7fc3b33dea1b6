import assert from "node:assert/strict";
import { type Figures, formatTable, isMet, rows } from "../../../bench/targets.ts";

const peer: Figures = {
  init: 1,
  join: 1,
  create: 10,
  scale: 10,
  leaderKilled: 11,
  tasksElsewhere: 50,
  nodeMemory: 140,
  containerMemory: 13,
};

describe("bench targets", () => {
  const cases = [
    { name: "share of the peer, just met", key: "create", value: 6, peer, want: true },
    { name: "share of the peer, missed", key: "create", value: 6.1, peer, want: false },
    { name: "share of an absent peer", key: "create", value: 1, peer: undefined, want: undefined },
    {
      name: "limit met without a peer",
      key: "leaderKilled",
      value: 3,
      peer: undefined,
      want: true,
    },
    { name: "limit missed", key: "containerMemory", value: 4.1, peer, want: false },
    { name: "no target", key: "scale", value: 99, peer, want: undefined },
  ] as const;
  for (const { name, key, value, peer: theirs, want } of cases) {
    it(name, () => {
      const row = rows.find((candidate) => candidate.key === key);
      assert.ok(row);
      assert.equal(isMet(row, { ...peer, [key]: value }, theirs), want);
    });
  }

  it("says in the table that the peer was not run", () => {
    const lines = formatTable(peer, undefined).split("\n");
    assert.equal(lines.length, rows.length + 2);
    assert.ok(lines.slice(2).every((line) => line.includes("not run")));
  });
});
