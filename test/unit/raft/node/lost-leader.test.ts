import assert from "node:assert/strict";
import type { RaftStatus } from "../../../../src/raft/core/status.ts";
import { LostLeader } from "../../../../src/raft/node/lost-leader.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

const leader = 7;

/** The core as far as LostLeader asks it. */
class FakeCore {
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
  status(): RaftStatus {
    return { role: this.role, leaderId: this.leaderId } as RaftStatus;
  }
}

describe("raft/node/lost-leader", () => {
  const campaigns = (core: FakeCore): number => core.calls.filter((c) => c === "campaign").length;

  it("forgets a leader that is gone and campaigns once, within three ticks, not in step with others", () => {
    const waits = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      const core = new FakeCore();
      const lost = new LostLeader(core, seededRandom(seed));
      lost.gone(leader);
      assert.deepEqual(core.calls, ["forget"]);
      for (let tick = 1; tick <= 10; tick += 1) {
        lost.tick();
        if (core.calls.at(-1) === "campaign") waits.add(tick);
      }
      assert.equal(campaigns(core), 1);
    }
    assert.deepEqual([...waits].sort(), [1, 2, 3]);
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
      const lost = new LostLeader(core, seededRandom(1));
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
