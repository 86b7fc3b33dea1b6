import { ClusterError } from "../../base/errors.ts";
import type { DropReason } from "../core/types.ts";

/** Who leads, as far as is known; id 0 = nobody. */
export interface KnownLeader {
  readonly leaderId: number;
  readonly address: string | undefined;
}

/** UNAVAILABLE; `notDone` tells that nothing was changed, so that trying again is safe. */
export function unavailable(text: string, notDone: boolean): ClusterError {
  return new ClusterError("UNAVAILABLE", text, notDone ? { details: { sent: "no" } } : {});
}

/** NOT_LEADER with `details.leaderRaftId` and `leaderAddress` when known; nothing was changed. */
export function notLeader({ leaderId, address }: KnownLeader): ClusterError {
  const text =
    leaderId === 0
      ? "the cluster has no leader now; make sure more than half of the managers are online"
      : `this manager is not the leader; ask manager ${leaderId}`;
  return new ClusterError("NOT_LEADER", text, {
    details: {
      ...(leaderId === 0 ? {} : { leaderRaftId: String(leaderId) }),
      ...(address === undefined ? {} : { leaderAddress: address }),
    },
  });
}

/** The error for a proposal that the core did not take; nothing was changed. */
export function errorOfDrop(reason: DropReason, leader: KnownLeader): ClusterError {
  switch (reason) {
    case "not-leader":
      return notLeader(leader);
    case "transferring":
      return unavailable("the leadership is being handed over; try again", true);
    case "pending-change":
      return unavailable("another change of the managers is still under way; try again", true);
    case "invalid-change":
      return new ClusterError(
        "FAILED_PRECONDITION",
        "the managers cannot be changed like that; look at the list of managers first",
      );
    case "busy":
      return new ClusterError(
        "RESOURCE_EXHAUSTED",
        "too many changes wait for the managers to agree; try again later",
      );
  }
}
