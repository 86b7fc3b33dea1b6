import type { ProgressStatus, RaftStatus } from "./status.ts";
import type {
  ConfChange,
  ConfState,
  Entry,
  HardState,
  Message,
  ProposeOutcome,
  Ready,
  SnapshotMetadata,
  SoftState,
} from "./types.ts";

/** Turns an entry's data into text; a log may leave it out, a test may decode it. */
export type DescribeData = (entry: Entry) => string;

/** Only how much there is: the data is the application's, and may be secret. */
export const describeSize: DescribeData = ({ data }) =>
  data.length === 0 ? "" : `${data.length} bytes`;

/** "index/term", as entries are named everywhere. */
export function describePosition(index: number, term: number): string {
  return `${index}/${term}`;
}

export function describeEntry(entry: Entry, describeData: DescribeData = describeSize): string {
  const kind = entry.type === "conf-change" ? "change" : "";
  const words = [describePosition(entry.index, entry.term), kind, describeData(entry)];
  return words.filter((word) => word !== "").join(" ");
}

export function describeEntries(
  entries: readonly Entry[],
  describeData: DescribeData = describeSize,
): string {
  return entries.map((entry) => describeEntry(entry, describeData)).join(", ");
}

export function describeHardState({ term, vote, commit }: HardState): string {
  return `term ${term}, vote ${vote === 0 ? "none" : vote}, commit ${commit}`;
}

export function describeSoftState({ role, leaderId }: SoftState): string {
  return `${role}, ${leaderId === 0 ? "no leader" : `leader ${leaderId}`}`;
}

/** "voters 1 2 3", and what else there is. */
export function describeConfState(state: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = state;
  const parts = [`voters ${voters.length === 0 ? "none" : voters.join(" ")}`];
  if (votersOutgoing.length > 0) parts.push(`outgoing ${votersOutgoing.join(" ")}`);
  if (learners.length > 0) parts.push(`learners ${learners.join(" ")}`);
  if (learnersNext.length > 0) parts.push(`learners next ${learnersNext.join(" ")}`);
  if (autoLeave) parts.push("auto-leave");
  return parts.join(", ");
}

/** "+4" a voter comes, "~4" a learner, "-4" goes, "=4" has a new address; "leave" ends a joint one. */
export function describeConfChange({ changes, transition }: ConfChange): string {
  if (changes.length === 0) return "leave";
  const signs = {
    CONF_ADD_NODE: "+",
    CONF_ADD_LEARNER: "~",
    CONF_REMOVE_NODE: "-",
    CONF_UPDATE_NODE: "=",
  };
  const words = changes.map(({ type, raftId }) => `${signs[type]}${raftId}`);
  if (transition === "TRANSITION_JOINT_EXPLICIT") words.push("explicit");
  if (transition === "TRANSITION_JOINT_IMPLICIT") words.push("implicit");
  return words.join(" ");
}

export function describeSnapshot({ index, term, confState }: SnapshotMetadata): string {
  return `snapshot ${describePosition(index, term)} (${describeConfState(confState)})`;
}

/** "1>2 MsgApp term 3: …"; what says nothing is left out. */
export function describeMessage(
  message: Message,
  describeData: DescribeData = describeSize,
): string {
  const { type, from, to, term } = message;
  const details = detailsOf(message, describeData).filter((detail) => detail !== "");
  const head = `${from}>${to} ${type}${term === 0 ? "" : ` term ${term}`}`;
  return details.length === 0 ? head : `${head}: ${details.join(", ")}`;
}

function detailsOf(message: Message, describeData: DescribeData): string[] {
  const { type, index, logTerm, entries, commit, commitTerm, snapshot, context } = message;
  const { reject, rejectHint } = message;
  const hex = context.length === 0 ? "" : `context ${Buffer.from(context).toString("hex")}`;
  const known = commitTerm === 0 ? "" : `commit ${describePosition(commit, commitTerm)}`;
  switch (type) {
    case "MsgApp": {
      const what = entries.length === 0 ? "nothing" : describeEntries(entries, describeData);
      return [`${what} after ${describePosition(index, logTerm)}`, `commit ${commit}`];
    }
    case "MsgAppResp":
      if (!reject) return [`has ${index}`];
      return [`refuses after ${index}`, `try ${describePosition(rejectHint, logTerm)}`];
    case "MsgHeartbeat":
      return [`commit ${commit}`, hex];
    case "MsgHeartbeatResp":
      return [`applied ${index}`, hex];
    case "MsgVote":
    case "MsgPreVote": {
      const forced = context.length === 0 ? "" : "asked by the leader";
      return [`log ends at ${describePosition(index, logTerm)}`, known, forced];
    }
    case "MsgVoteResp":
    case "MsgPreVoteResp":
      return [reject ? "no" : "yes", known];
    case "MsgSnap":
      return [snapshot === undefined ? "no snapshot" : describeSnapshot(snapshot)];
    case "MsgReadIndexResp":
      return [`index ${index}`, hex];
    case "MsgReadIndex":
    case "MsgTimeoutNow":
      return [hex];
  }
}

/** A line for each thing a Ready wants done, in the order it is to be done; none when there is none. */
export function describeReady(ready: Ready, describeData: DescribeData = describeSize): string[] {
  const { softState, hardState, snapshot, entries, mustSync, messages, committedEntries } = ready;
  const lines: string[] = [];
  if (softState !== undefined) lines.push(`is ${describeSoftState(softState)}`);
  for (const message of messages) lines.push(`send ${describeMessage(message, describeData)}`);
  if (snapshot !== undefined) lines.push(`install ${describeSnapshot(snapshot)}`);
  if (entries.length > 0) lines.push(`append ${describeEntries(entries, describeData)}`);
  if (hardState !== undefined) lines.push(`state ${describeHardState(hardState)}`);
  if (mustSync) lines.push("sync");
  for (const message of ready.messagesAfterPersist) {
    lines.push(`then send ${describeMessage(message, describeData)}`);
  }
  if (committedEntries.length > 0) {
    lines.push(`apply ${describeEntries(committedEntries, describeData)}`);
  }
  for (const { index, context } of ready.readStates) {
    lines.push(`read ${Buffer.from(context).toString("hex")} at ${index}`);
  }
  for (const context of ready.failedReads) {
    lines.push(`read ${Buffer.from(context).toString("hex")} failed`);
  }
  return lines;
}

export function describeOutcome(outcome: ProposeOutcome): string {
  if (outcome.kind === "dropped") return `dropped: ${outcome.reason}`;
  return `appended as ${describePosition(outcome.index, outcome.term)}`;
}

/** What a leader knows of a member. */
export function describeProgress(progress: ProgressStatus): string {
  const { state, match, next, isLearner, recentActive, paused } = progress;
  const { pendingSnapshot, isRestoring, inflightMessages, inflightBytes } = progress;
  const parts = [`${state} match ${match} next ${next}`];
  if (pendingSnapshot > 0) parts.push(`snapshot ${pendingSnapshot}`);
  if (isRestoring && pendingSnapshot === 0) parts.push("restoring");
  if (inflightMessages > 0) {
    parts.push(`under way ${inflightMessages} messages of ${inflightBytes} bytes`);
  }
  if (paused) parts.push("paused");
  if (isLearner) parts.push("learner");
  if (!recentActive) parts.push("inactive");
  return parts.join(", ");
}

/** A line for the member, and on a leader one for each member it leads. */
export function describeStatus(status: RaftStatus): string[] {
  const { id, role, leaderId, transferTo, applied, firstIndex, lastIndex, lastTerm } = status;
  const head = [
    `${id} ${describeSoftState({ role, leaderId })}`,
    describeHardState(status),
    `applied ${applied}`,
    `log ${firstIndex}..${describePosition(lastIndex, lastTerm)}`,
    describeConfState(status.confState),
  ];
  if (transferTo !== 0) head.push(`handing over to ${transferTo}`);
  const lines = [head.join("; ")];
  for (const [member, progress] of status.progress) {
    lines.push(`  ${member}: ${describeProgress(progress)}`);
  }
  return lines;
}
