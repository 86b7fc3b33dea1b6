import assert from "node:assert/strict";
import { isClusterError } from "../../../../src/base/errors.ts";
import type { LeadershipEvent } from "../../../../src/raft/node/raft-node-options.ts";
import { settle } from "../../../support/fake-clock.ts";
import { memberOf, RaftGroup } from "../../../support/raft-group.ts";

describe("raft node, alone", () => {
  it("leads at once, and settles proposals with what the state machine says", async () => {
    const group = await RaftGroup.of(1);
    const { node, disk } = group.get(1);
    assert.equal(await group.propose("a"), "3:a");
    await assert.rejects(group.propose("refuse b"), (error) =>
      isClusterError(error, "OUT_OF_DATE"),
    );
    assert.equal(await group.settled(node.readIndex()), 4);
    assert.equal(disk.lastIndex, 4);
    await group.stop();
  });

  it("acknowledges only what is on the disk", async () => {
    const group = await RaftGroup.of(1);
    const { node, disk } = group.get(1);
    let release: () => void = () => {};
    disk.beforeWrite = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    let done = false;
    const proposal = node.propose(Buffer.from("a")).then(() => {
      done = true;
    });
    await settle();
    assert.equal(done, false);
    disk.beforeWrite = undefined;
    release();
    await proposal;
    await group.stop();
  });

  it("gathers proposals while a write is under way", async () => {
    const group = await RaftGroup.of(1);
    const { node, disk } = group.get(1);
    await settle();
    const before = disk.writes;
    const all = Array.from({ length: 500 }, (_, i) => node.propose(Buffer.from(`p${i}`)));
    await group.settled(Promise.all(all));
    assert.ok(disk.writes - before < 10, `${disk.writes - before} writes for 500 proposals`);
    await group.stop();
  });

  it("has everything acknowledged after a power loss", async () => {
    const group = await RaftGroup.of(1);
    for (const text of ["a", "b", "c"]) await group.propose(text);
    await group.crash(1);
    const { node, machine } = await group.start(1);
    // What was known to be committed is there before start() resolves, the rest once it leads.
    assert.deepEqual(machine.items.slice(0, 2), ["a", "b"]);
    await group.until(() => node.status().role === "leader");
    assert.deepEqual(await group.converged(), ["a", "b", "c"]);
    assert.match(String(await group.propose("d")), /:d$/);
    await group.stop();
  });

  it("starts from its snapshot, and keeps a tail of the log", async () => {
    const group = await RaftGroup.of(1, { snapshotEntries: () => 20, keepEntries: 5 });
    for (let i = 0; i < 50; i += 1) await group.propose(`p${i}`);
    await settle();
    const { disk } = group.get(1);
    assert.ok(disk.truncated.index >= 30, `compacted to ${disk.truncated.index}`);
    const [newest] = await disk.snapshots.list();
    assert.equal(newest !== undefined && newest.index - disk.truncated.index, 5);
    assert.equal((await disk.snapshots.list()).length, 2);
    await group.crash(1);
    const { machine } = await group.start(1);
    assert.equal(machine.restores, 1);
    await group.until(() => machine.items.length === 50);
    await group.stop();
  });

  it("makes snapshots as often as is wanted at the time", async () => {
    let snapshotEntries = 1_000;
    const group = await RaftGroup.of(1, { snapshotEntries: () => snapshotEntries });
    const snapshotsAfter = async (proposals: number): Promise<number> => {
      for (let i = 0; i < proposals; i += 1) await group.propose(`p${i}`);
      await settle();
      return (await group.get(1).disk.snapshots.list()).length;
    };
    assert.equal(await snapshotsAfter(20), 0);
    snapshotEntries = 15;
    assert.equal(await snapshotsAfter(1), 1);
    snapshotEntries = 1_000;
    assert.equal(await snapshotsAfter(20), 1);
    await group.stop();
  });

  it("makes snapshots at other times than other members do", async () => {
    const group = await RaftGroup.of(3, { snapshotEntries: () => 20, keepEntries: 2 });
    for (let i = 0; i < 40; i += 1) await group.propose(`p${i}`);
    await group.converged();
    const newest = await Promise.all(
      [1, 2, 3].map(async (raftId) => (await group.get(raftId).disk.snapshots.list())[0]?.index),
    );
    assert.equal(new Set(newest).size, 3, `all made one of ${newest.join()}`);
    await group.stop();
  });

  it("makes a snapshot by bytes too", async () => {
    const group = await RaftGroup.of(1, { snapshotBytes: 3_000, keepEntries: 0 });
    for (let i = 0; i < 4; i += 1) await group.propose("x".repeat(1_000));
    await settle();
    assert.equal((await group.get(1).disk.snapshots.list()).length, 1);
    await group.stop();
  });

  it("stops when the disk fails, and claims nothing", async () => {
    const group = await RaftGroup.of(1);
    const { node, disk } = group.get(1);
    const events: LeadershipEvent[] = [];
    node.onLeadership((event) => events.push(event));
    disk.failure = new Error("EIO");
    await assert.rejects(group.propose("a"), (error) => {
      assert.ok(isClusterError(error, "UNAVAILABLE"));
      assert.equal(error.details["outcome"], "unknown");
      return true;
    });
    assert.match((await node.failed).message, /restart the daemon/);
    assert.equal(events.at(-1)?.isLeader, false);
    await assert.rejects(node.propose(Buffer.from("b")), /has stopped/);
    await node.stop();
  });

  it("stops when the state machine breaks", async () => {
    const group = await RaftGroup.of(1);
    const { node } = group.get(1);
    await assert.rejects(group.propose("break"), (error) => isClusterError(error, "UNAVAILABLE"));
    assert.match((await node.failed).message, /a bug/);
    await node.stop();
  });

  it("refuses proposals while its disk hangs", async () => {
    const group = await RaftGroup.of(1);
    const { node, disk } = group.get(1);
    let release: () => void = () => {};
    disk.beforeWrite = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const first = node.propose(Buffer.from("a"));
    await group.clock.run(1_500);
    await assert.rejects(node.propose(Buffer.from("b")), (error) => {
      assert.ok(isClusterError(error, "UNAVAILABLE"));
      assert.equal(error.details["sent"], "no");
      return true;
    });
    disk.beforeWrite = undefined;
    release();
    await group.settled(first);
    await group.stop();
  });
});

describe("raft node, in a group", () => {
  it("takes members in by way of learners, and agrees with them", async () => {
    const group = await RaftGroup.of(3);
    for (let i = 0; i < 10; i += 1) await group.propose(`p${i}`);
    assert.equal((await group.converged()).length, 10);
    for (const { node } of group.up()) {
      assert.deepEqual(node.status().members, [memberOf(1), memberOf(2), memberOf(3)]);
      assert.deepEqual(node.status().learners, []);
    }
    await group.stop();
  });

  it("says who leads to those who ask a follower", async () => {
    const group = await RaftGroup.of(3);
    const follower = group.get(2);
    await assert.rejects(follower.node.propose(Buffer.from("a")), (error) => {
      assert.ok(isClusterError(error, "NOT_LEADER"));
      assert.deepEqual(error.details, { leaderRaftId: "1", leaderAddress: "10.0.0.1:2377" });
      return true;
    });
    await assert.rejects(follower.node.readIndex(), (error) => isClusterError(error, "NOT_LEADER"));
    await group.stop();
  });

  it("elects another leader within two election times, and loses nothing", async () => {
    const group = await RaftGroup.of(3);
    await group.propose("a");
    await group.crash(1);
    const startMs = group.clock.monotonic();
    await group.until(() => group.leader() !== undefined);
    assert.ok(group.clock.monotonic() - startMs <= 4_000);
    await group.propose("b");
    await group.start(1);
    assert.deepEqual(await group.converged(), ["a", "b"]);
    await group.stop();
  });

  it("tells that it leads only once everything before is applied", async () => {
    const group = await RaftGroup.of(3);
    const events: LeadershipEvent[] = [];
    for (const raftId of [2, 3]) {
      const { node, machine } = group.get(raftId);
      node.onLeadership((event) => {
        events.push(event);
        if (event.isLeader) assert.deepEqual(machine.items, ["a"]);
      });
    }
    await group.propose("a");
    await group.crash(1);
    await group.until(() => events.some(({ isLeader }) => isLeader));
    const winner = events.find(({ isLeader }) => isLeader);
    assert.equal(winner?.leaderId, group.mustLead().raftId);
    await group.stop();
  });

  it("is honest about a change that a cut-off leader took", async () => {
    const group = await RaftGroup.of(3);
    const old = group.get(1);
    group.network.setIsolated(1, true);
    const lost = old.node.propose(Buffer.from("lost"));
    const read = old.node.readIndex().catch((error: unknown) => error);
    await assert.rejects(group.settled(lost), (error) => {
      assert.ok(isClusterError(error, "UNAVAILABLE"));
      assert.equal(error.details["outcome"], "unknown");
      return true;
    });
    assert.ok(isClusterError(await group.settled(read), "UNAVAILABLE", "NOT_LEADER"));
    await group.until(() => group.leader()?.raftId !== 1 && group.leader() !== undefined);
    await group.propose("kept");
    group.network.setIsolated(1, false);
    assert.deepEqual(await group.converged(), ["kept"]);
    await group.stop();
  });

  it("knows for certain that an overwritten change was not made", async () => {
    const group = await RaftGroup.of(3);
    group.network.setIsolated(1, true);
    const lost = group.get(1).node.propose(Buffer.from("lost"));
    const outcome = lost.catch((error: unknown) => error);
    await group.until(() =>
      group.up().some((m) => m.raftId !== 1 && m.node.status().role === "leader"),
    );
    const next = group.up().find((m) => m.raftId !== 1 && m.node.status().role === "leader");
    await next?.node.propose(Buffer.from("kept"));
    group.network.setIsolated(1, false);
    await group.converged();
    assert.ok(isClusterError(await outcome, "NOT_LEADER"));
    await group.stop();
  });

  it("reads what was written before, from the leader", async () => {
    const group = await RaftGroup.of(3);
    await group.propose("a");
    const { node, machine } = group.mustLead();
    const reads = await group.settled(
      Promise.all(Array.from({ length: 20 }, () => node.readIndex())),
    );
    assert.ok(reads.every((index) => index <= machine.lastIndex));
    await group.stop();
  });

  it("brings a late member up by a snapshot", async () => {
    const group = await RaftGroup.of(3, { snapshotEntries: () => 20, keepEntries: 2 });
    await group.crash(3);
    for (let i = 0; i < 60; i += 1) await group.propose(`p${i}`);
    const { machine } = await group.start(3);
    assert.equal((await group.converged()).length, 60);
    assert.equal(machine.restores, 1);
    await group.propose("after");
    assert.equal((await group.converged()).length, 61);
    await group.stop();
  });

  it("tries a snapshot again after it was lost", async () => {
    const group = await RaftGroup.of(3, { snapshotEntries: () => 20, keepEntries: 2 });
    group.network.setIsolated(3, true);
    for (let i = 0; i < 60; i += 1) await group.propose(`p${i}`);
    group.network.setLink(3, 1, true); // it answers, but nothing reaches it
    await group.clock.run(3_000);
    group.network.setIsolated(3, false);
    assert.equal((await group.converged()).length, 60);
    await group.stop();
  });

  it("removes a member, and guards the majority", async () => {
    const group = await RaftGroup.of(3);
    await group.crash(3);
    group.network.setIsolated(3, true);
    await assert.rejects(group.settled(group.mustLead().node.removeMember(2)), (error) =>
      isClusterError(error, "FAILED_PRECONDITION"),
    );
    await group.settled(group.mustLead().node.removeMember(3));
    assert.deepEqual(group.mustLead().node.status().voters, [1, 2]);
    await group.settled(group.mustLead().node.removeMember(3)); // once more changes nothing
    await group.settled(group.mustLead().node.removeMember(2));
    assert.deepEqual(group.mustLead().node.status().voters, [1]);
    await assert.rejects(group.settled(group.mustLead().node.removeMember(1)), /last manager/);
    await group.propose("alone");
    await group.stop();
  });

  it("hands its leadership over before it is removed", async () => {
    const group = await RaftGroup.of(3);
    await assert.rejects(group.settled(group.get(1).node.removeMember(1)), (error) =>
      isClusterError(error, "NOT_LEADER"),
    );
    const next = group.mustLead();
    assert.notEqual(next.raftId, 1);
    await group.settled(next.node.removeMember(1));
    assert.deepEqual(next.node.status().voters, [2, 3]);
    await group.clock.run(5_000);
    assert.equal(group.mustLead().raftId, next.raftId); // the removed one does not disturb
    await group.stop();
  });

  it("follows a member to its new address", async () => {
    const group = await RaftGroup.of(3);
    const moved = { ...memberOf(3), address: "10.9.9.9:2377" };
    await group.settled(group.mustLead().node.addMember(moved));
    await group.until(() =>
      group.up().every(({ node }) => node.status().members[2]?.address === moved.address),
    );
    await group.stop();
  });

  it("goes on alone by force, with what was committed", async () => {
    const group = await RaftGroup.of(3);
    for (const text of ["a", "b"]) await group.propose(text);
    await group.converged();
    for (const raftId of [1, 2, 3]) await group.crash(raftId);
    const { node, machine } = await group.start(2, { forceNewCluster: true });
    await group.until(() => node.status().role === "leader");
    assert.deepEqual(machine.items, ["a", "b"]);
    assert.deepEqual(node.status().members, [memberOf(2)]);
    await group.propose("c");
    await group.crash(2);
    const again = await group.start(2);
    await group.until(() => again.machine.items.length === 3);
    await group.join(4);
    await group.until(() => group.mustLead().node.status().voters.length === 2);
    assert.deepEqual(await group.converged(), ["a", "b", "c"]);
    await group.stop();
  });

  it("does not campaign in a storm after standing still", async () => {
    const group = await RaftGroup.of(3);
    await group.propose("a");
    const term = group.mustLead().node.status().term;
    group.clock.advance(30_000); // no promise had a turn: all tickers are late
    await group.clock.run(3_000);
    await group.until(() => group.leader() !== undefined);
    assert.ok(group.mustLead().node.status().term <= term + 2);
    await group.propose("b");
    await group.stop();
  });
});
