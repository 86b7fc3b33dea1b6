import { strict as assert } from "node:assert";
import { RaftGroup } from "../../../support/raft-group.ts";

describe("a member that was away while all others were replaced", () => {
  it("hears the new leader, answers it, and catches up", async () => {
    const group = await RaftGroup.of(3, { snapshotEntries: () => 5, keepEntries: 1 });
    await group.crash(3);
    for (const fresh of [4, 5]) {
      await group.join(fresh);
      await group.until(() => group.mustLead().node.status().voters.includes(fresh));
    }
    for (const old of [1, 2]) {
      // The leader hands over before it goes, and says so.
      await group.settled(group.mustLead().node.removeMember(old)).catch(() => {});
      await group.until(() => group.leader() !== undefined);
      const isGone = (): boolean => !(group.leader()?.node.status().voters.includes(old) ?? true);
      if (!isGone()) await group.settled(group.mustLead().node.removeMember(old));
      await group.until(isGone);
      await group.crash(old);
      await group.until(() => [4, 5].includes(group.leader()?.raftId ?? 0) || old === 1);
    }
    for (let count = 0; count < 20; count += 1) await group.propose(`p${count}`);
    const away = await group.start(3);
    assert.deepEqual(
      away.node.status().members.map(({ raftId }) => raftId),
      [1, 2, 3],
      "it knows nobody who is there",
    );
    await group.until(() => away.machine.items.length === 20);
    assert.deepEqual(
      away.node.status().members.map(({ raftId }) => raftId),
      [3, 4, 5],
    );
    await group.stop();
  });
});
