import assert from "node:assert/strict";
import type { RaftStatus } from "../../../../src/raft/core/status.ts";
import { LostLeader, type LostLeaderCore } from "../../../../src/raft/node/lost-leader.ts";

const leader = 7;

/** The core as far as LostLeader asks it. */
class FakeCore implements LostLeaderCore {
  id = 2;
  role: RaftStatus["role"] = "follower";
  leaderId = leader;
  calls: string[] = [];
  tick(): void {
    this.calls.push("tick");
  }
  campaign(): void {
    this.calls.push("campaign");
  }
  forgetLeader(): void {
    this.calls.push("forget");
    this.leaderId = 0;
  }
  status() {
    const { id, role, leaderId } = this;
    return { id, role, leaderId, confState: { voters: [2, leader, 9, 10] } };
  }
}

describe("raft/node/lost-leader", () => {
  const campaigns = (core: FakeCore): number => core.calls.filter((c) => c === "campaign").length;

  const turns = [
    { name: "the first of the others", id: 2, want: 1 },
    { name: "the second", id: 9, want: 4 },
    { name: "the third", id: 10, want: 7 },
  ];
  for (const { name, id, want } of turns) {
    it(`forgets a leader that is gone and campaigns once, in its turn: ${name} at tick ${want}`, () => {
      const core = new FakeCore();
      core.id = id;
      const lost = new LostLeader(core);
      lost.gone(leader);
      assert.deepEqual(core.calls, ["forget"]);
      let at = 0;
      for (let tick = 1; tick <= 12; tick += 1) {
        lost.tick();
        if (core.calls.at(-1) === "campaign") at = tick;
      }
      assert.equal(at, want);
      assert.equal(campaigns(core), 1);
    });
  }

  const cases: { name: string; gone: number; role?: RaftStatus["role"]; heard?: number }[] = [
    { name: "a member that does not lead is gone", gone: 8 },
    { name: "it leads itself", gone: leader, role: "leader" },
    { name: "it campaigns already", gone: leader, role: "candidate" },
    { name: "the leader lives after all", gone: leader, heard: leader },
    { name: "another has won meanwhile", gone: leader, heard: 8 },
  ];
  for (const { name, gone, role, heard } of cases) {
    it(`does nothing when ${name}`, () => {
      const core = new FakeCore();
      if (role !== undefined) core.role = role;
      const lost = new LostLeader(core);
      lost.gone(gone);
      if (heard !== undefined) core.leaderId = heard;
      for (let tick = 0; tick < 10; tick += 1) lost.tick();
      core.leaderId = 0; // an old suspicion does not come back
      for (let tick = 0; tick < 10; tick += 1) lost.tick();
      assert.equal(campaigns(core), 0);
      assert.equal(core.calls.filter((c) => c === "tick").length, 20);
    });
  }
});
