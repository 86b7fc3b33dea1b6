import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError, isClusterError } from "../base/errors.ts";
import type { LeaveRaftRequestInput } from "../gen/skep/LeaveRaftRequest.ts";
import type { ChannelPool } from "../rpc/channel-pool.ts";
import { leaderAddressOf, type RaftControl } from "./raft-control.ts";

const timeoutMs = 5_000;
const pollMs = 50;

/**
 * Has the group take this member out: hands leadership over if it leads, and asks the leader. A single member need not ask. UNAVAILABLE
 * when that did not happen within 5 s; FAILED_PRECONDITION when the others would lose their majority.
 */
export async function leaveRaft(
  nodeId: string,
  raft: RaftControl,
  deps: { readonly channels: Pick<ChannelPool, "unary">; readonly clock: Clock },
): Promise<void> {
  const { raftId, members } = raft.status();
  if (members.every((member) => member.raftId === raftId)) return;
  if (raft.status().isLeader) await raft.transferLeadership();
  const { channels, clock } = deps;
  const untilMs = clock.monotonic() + timeoutMs;
  let lastError: ClusterError | undefined;
  while (clock.monotonic() < untilMs) {
    const leader = raft.status().leaderId === raftId ? undefined : leaderAddressOf(raft);
    if (leader !== undefined) {
      try {
        await channels.unary<LeaveRaftRequestInput, object>(
          leader,
          "RaftMembership",
          "Leave",
          { nodeId },
          { timeoutMs },
        );
        return;
      } catch (error) {
        if (!isClusterError(error, "NOT_LEADER", "UNAVAILABLE")) throw error;
        lastError = error;
      }
    }
    await sleep(clock, pollMs);
  }
  throw lastError ?? new ClusterError("UNAVAILABLE", "no other manager took over the leadership");
}
