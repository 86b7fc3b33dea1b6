import { majorityCommittedIndex, majorityVoteResult, type VoteResult } from "./majority.ts";

/** Two majorities that must agree; `outgoing` is empty outside of a joint configuration. */
export interface JointVoters {
  readonly incoming: ReadonlySet<number>;
  readonly outgoing: ReadonlySet<number>;
}

/** What both halves have acknowledged. */
export function jointCommittedIndex(
  voters: JointVoters,
  ackedIndex: (id: number) => number | undefined,
): number {
  return Math.min(
    majorityCommittedIndex(voters.incoming, ackedIndex),
    majorityCommittedIndex(voters.outgoing, ackedIndex),
  );
}

/** Won when both halves are won, lost when either is lost. */
export function jointVoteResult(
  voters: JointVoters,
  votes: ReadonlyMap<number, boolean>,
): VoteResult {
  const incoming = majorityVoteResult(voters.incoming, votes);
  const outgoing = majorityVoteResult(voters.outgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === "lost" || outgoing === "lost" ? "lost" : "pending";
}

/** All that vote in either half, by id. */
export function jointIds(voters: JointVoters): number[] {
  return [...new Set([...voters.incoming, ...voters.outgoing])].sort((a, b) => a - b);
}
