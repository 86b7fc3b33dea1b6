import assert from "node:assert/strict";
import type { RaftStatus } from "../../../../src/raft/core/status.ts";
import { LostLeader, type LostLeaderCore } from "../../../../src/raft/node/lost-leader.ts";

const leader = 7;

/** The core as far as LostLeader asks it. */
class FakeCore implements LostLeaderCore {
  id = 2;
  role: RaftStatus["role"] = "follower";
  leaderId = leader;
  isRefused = false;
  term = 1;
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
    const { id, role, term, leaderId, isRefused } = this;
    return { id, role, term, leaderId, isRefused, confState: { voters: [2, leader, 9, 10] } };
  }
}

describe("raft/node/lost-leader", () => {
  const campaigns = (core: FakeCore): number => core.calls.filter((c) => c === "campaign").length;

  /** In which of so many ticks it campaigns. */
  function campaignsIn(ticks: number, core: FakeCore, lost: LostLeader): number[] {
    const at: number[] = [];
    for (let tick = 1; tick <= ticks; tick += 1) {
      lost.tick();
      if (core.calls.at(-1) === "campaign") at.push(tick);
    }
    return at;
  }

  const turns = [
    { name: "the first of the others", id: 2, want: [1, 7, 13, 19, 25] },
    { name: "the second", id: 9, want: [4, 13, 22, 31, 40] },
    { name: "the third", id: 10, want: [7, 19, 31, 43, 55] },
  ];
  for (const { name, id, want } of turns) {
    it(`forgets a leader that is gone and campaigns in its turn, as long as nobody leads: ${name}`, () => {
      const core = new FakeCore();
      core.id = id;
      const lost = new LostLeader(core);
      lost.gone(leader);
      assert.deepEqual(core.calls, ["forget"]);
      assert.deepEqual(campaignsIn(60, core, lost), want);
    });
  }

  it("gives an election that another has begun its time", () => {
    const core = new FakeCore();
    core.id = 9;
    const lost = new LostLeader(core);
    lost.gone(leader);
    assert.deepEqual(campaignsIn(3, core, lost), []);
    core.term = 2; // it has voted
    assert.deepEqual(campaignsIn(12, core, lost), [10]);
  });

  it("lets a candidate wait for its votes, and goes on when it is refused", () => {
    const core = new FakeCore();
    const lost = new LostLeader(core);
    lost.gone(leader);
    assert.deepEqual(campaignsIn(1, core, lost), [1]);
    core.role = "candidate";
    assert.deepEqual(campaignsIn(6, core, lost), []);
    core.isRefused = true;
    assert.deepEqual(campaignsIn(6, core, lost), [6], "the votes are split");
    core.role = "follower";
    core.isRefused = false;
    assert.deepEqual(campaignsIn(6, core, lost), [6]);
    core.leaderId = 9;
    assert.deepEqual(campaignsIn(40, core, lost), []);
  });

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
