import { ClusterError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import type { Storage } from "./storage.ts";
import type { ConfChange } from "./types.ts";

/** How one member behaves. PreVote and CheckQuorum are always on; leases for reads do not exist. */
export interface RaftConfig {
  /** Never 0, never used by another member before. */
  readonly id: number;
  /** Ticks without a leader after which a follower campaigns (plus up to as many again at random). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** The last entry the state machine holds at the start. */
  readonly applied: number;
  /** Data in one MsgApp; one entry always fits. */
  readonly messageBytesMax: number;
  /** Messages under way to one follower. */
  readonly inflightMessagesMax: number;
  /** Data under way to one follower. */
  readonly inflightBytesMax: number;
  /** The same to a learner: it catches up in small steps, beside the work of those that agree. Half of it in one MsgApp. */
  readonly learnerInflightBytesMax: number;
  /** Data a leader takes beyond what is committed. */
  readonly uncommittedBytesMax: number;
  /** Data of the committed entries handed out but not applied yet. */
  readonly applyingBytesMax: number;
  /** Vote messages carry the commit index, which resolves a stall of joint changes. */
  readonly commitByVote: boolean;
}

export interface RaftDeps {
  readonly storage: Storage;
  readonly random: Random;
  /** What a conf-change entry says; no data = no changes. */
  readonly decodeConfChange: (data: Uint8Array) => ConfChange;
}

/** What is used unless said otherwise. */
export const defaultRaftConfig: Omit<RaftConfig, "id"> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  applied: 0,
  messageBytesMax: 512 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 8 * 1024 * 1024,
  learnerInflightBytesMax: 128 * 1024,
  uncommittedBytesMax: 32 * 1024 * 1024,
  applyingBytesMax: 8 * 1024 * 1024,
  commitByVote: true,
};

/** INVALID_ARGUMENT when a value makes no sense. */
export function validateRaftConfig(config: RaftConfig): void {
  const positive: [string, number][] = [
    ["id", config.id],
    ["heartbeatTicks", config.heartbeatTicks],
    ["messageBytesMax", config.messageBytesMax],
    ["inflightMessagesMax", config.inflightMessagesMax],
    ["learnerInflightBytesMax", config.learnerInflightBytesMax],
    ["uncommittedBytesMax", config.uncommittedBytesMax],
    ["applyingBytesMax", config.applyingBytesMax],
  ];
  for (const [name, value] of positive) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ClusterError("INVALID_ARGUMENT", `raft: ${name} must be a positive integer`);
    }
  }
  if (
    !Number.isSafeInteger(config.electionTicks) ||
    config.electionTicks <= config.heartbeatTicks
  ) {
    throw new ClusterError("INVALID_ARGUMENT", "raft: electionTicks must exceed heartbeatTicks");
  }
  if (config.inflightBytesMax < config.messageBytesMax) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      "raft: inflightBytesMax must be at least messageBytesMax",
    );
  }
}
