/** A vote's state. */
export type VoteResult = "pending" | "won" | "lost";

/** How many of `count` voters decide. */
export function majoritySize(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The highest index that a majority of `voters` has acknowledged; those without an answer count as
 * 0. Infinity without voters, so that half a joint quorum that is empty decides nothing.
 */
export function majorityCommittedIndex(
  voters: ReadonlySet<number>,
  ackedIndex: (id: number) => number | undefined,
): number {
  if (voters.size === 0) return Number.POSITIVE_INFINITY;
  const acked: number[] = [];
  for (const id of voters) acked.push(ackedIndex(id) ?? 0);
  acked.sort((a, b) => b - a);
  return acked[majoritySize(voters.size) - 1] ?? 0;
}

/** The outcome of an election among `voters`; without voters it is won, as above. */
export function majorityVoteResult(
  voters: ReadonlySet<number>,
  votes: ReadonlyMap<number, boolean>,
): VoteResult {
  if (voters.size === 0) return "won";
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing += 1;
    else if (vote) granted += 1;
  }
  const needed = majoritySize(voters.size);
  if (granted >= needed) return "won";
  return granted + missing >= needed ? "pending" : "lost";
}
