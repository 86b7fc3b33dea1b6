import { strict as assert } from "node:assert";
import { CoreNode } from "../../../support/raft-core.ts";

describe("handing leadership over (thesis §3.10)", () => {
  it("tells a member that has the whole log to campaign at once", () => {
    const leader = aLeader();
    assert.equal(leader.raw.transferLeader(2), true);
    leader.drain();
    assert.equal(leader.last("MsgTimeoutNow").to, 2);
  });

  it("brings a member that is behind up to date first", () => {
    const leader = aLeader();
    leader.raw.transferLeader(3);
    leader.drain();
    assert.equal(
      leader.sent.some(({ type }) => type === "MsgTimeoutNow"),
      false,
    );
    leader.follow(3);
    assert.equal(leader.last("MsgTimeoutNow").to, 3);
  });

  it("takes no proposals meanwhile, and leads on when it takes too long", () => {
    const leader = aLeader();
    leader.raw.transferLeader(3);
    const dropped = { kind: "dropped", reason: "transferring" };
    assert.deepEqual(leader.raw.propose(Uint8Array.of(1)), dropped);
    for (let tick = 0; tick < 10; tick += 1) {
      leader.step("MsgHeartbeatResp", 2, { term: leader.term });
      leader.tick(1);
    }
    assert.equal(leader.raw.propose(Uint8Array.of(1)).kind, "appended");
  });

  it("goes only to a voter other than itself", () => {
    const leader = new CoreNode({ id: 1, voters: [1, 2], learners: [3] });
    leader.lead(2);
    assert.deepEqual(
      [1, 3, 4].map((id) => leader.raw.transferLeader(id)),
      [false, false, false],
    );
  });

  it("is heard by members that have a leader, and needs no pre-vote", () => {
    const target = new CoreNode({ id: 2, voters: [1, 2, 3] });
    target.step("MsgHeartbeat", 1, { term: 1 });
    target.step("MsgTimeoutNow", 1, { term: 1 });
    assert.equal(target.role, "candidate");
    const { context, term } = target.last("MsgVote");
    const other = new CoreNode({ id: 3, voters: [1, 2, 3] });
    other.step("MsgHeartbeat", 1, { term: 1 });
    const [answer] = other.step("MsgVote", 2, { term, context });
    assert.equal(answer?.reject, false);
  });
});

function aLeader(): CoreNode {
  const leader = new CoreNode({ id: 1, voters: [1, 2, 3] });
  leader.lead(2);
  leader.follow(2);
  return leader;
}
