import { ClusterError } from "../../base/errors.ts";
import type { Message, MessageType } from "../core/types.ts";
import type { RaftMember } from "../storage/snapshot-store.ts";

/** Raft ids of former members that are remembered; those before are only unknown. */
const removedMax = 1_000;

/**
 * What a member says that others may not have heard of yet: as a leader, or because it wants to lead. The core refuses what is of an old term,
 * and votes by the log alone (Ongaro's thesis §4.1: a server's own configuration decides whom it asks, not whom it answers).
 */
const newcomerTypes: ReadonlySet<MessageType> = new Set([
  "MsgApp",
  "MsgHeartbeat",
  "MsgSnap",
  "MsgPreVote",
  "MsgVote",
]);

/** Which node may speak as which member. */
export class Senders {
  #byId: ReadonlyMap<number, string> = new Map();
  /** Raft ids are never used again. */
  readonly #removed = new Map<number, string>();
  readonly #isRemoved: (raftId: number) => boolean;

  /** `isRemoved`: what the state says of an id; it knows of removals before this process began, too. */
  constructor(isRemoved: (raftId: number) => boolean = () => false) {
    this.#isRemoved = isRemoved;
  }

  setMembers(members: readonly RaftMember[]): void {
    const before = this.#byId;
    this.#byId = new Map(members.map(({ nodeId, raftId }) => [raftId, nodeId]));
    for (const [raftId, nodeId] of before) {
      if (!this.#byId.has(raftId)) this.#removed.set(raftId, nodeId);
    }
    for (const raftId of this.#removed.keys()) {
      if (this.#byId.has(raftId) || this.#removed.size > removedMax) this.#removed.delete(raftId);
    }
  }

  /**
   * PERMISSION_DENIED unless `nodeId`, which the certificate proves, is the member that the message names as its
   * sender. An unknown one may lead or want to, as this member may have been away when it was taken in, and the
   * group may need its vote; what only members have to say is not heard of it. That the node is a manager now is the server's to check.
   */
  check(nodeId: string, { from, type }: Pick<Message, "from" | "type">): void {
    const owner = this.#byId.get(from);
    if (owner === nodeId) return;
    if (owner !== undefined) {
      const text = `raft member ${from} is node ${owner}, and not node ${nodeId}, which speaks in its name`;
      throw new ClusterError("PERMISSION_DENIED", text);
    }
    if (this.#removed.has(from) || this.#isRemoved(from)) throw wasRemoved(from, nodeId);
    if (newcomerTypes.has(type)) return;
    const text = `raft member ${from} (node ${nodeId}) is not known to this manager`;
    throw new ClusterError("PERMISSION_DENIED", text);
  }
}

function wasRemoved(raftId: number, nodeId: string): ClusterError {
  const text = `raft member ${raftId} (node ${nodeId}) was removed from the managers`;
  return new ClusterError("PERMISSION_DENIED", text);
}
