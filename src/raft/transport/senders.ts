import { ClusterError } from "../../base/errors.ts";
import type { Message, MessageType } from "../core/types.ts";
import type { RaftMember } from "../storage/snapshot-store.ts";

/** Raft ids of former members that are remembered; those before are only unknown. */
const removedMax = 1_000;

/** Only a leader of the term says these; the core refuses those of an old term. */
const leaderTypes: ReadonlySet<MessageType> = new Set(["MsgApp", "MsgHeartbeat", "MsgSnap"]);

/** Which node may speak as which member. */
export class Senders {
  #byNode: ReadonlyMap<string, number> = new Map();
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
    this.#byNode = new Map(members.map(({ nodeId, raftId }) => [nodeId, raftId]));
    this.#byId = new Map(members.map(({ nodeId, raftId }) => [raftId, nodeId]));
    for (const [raftId, nodeId] of before) {
      if (!this.#byId.has(raftId)) this.#removed.set(raftId, nodeId);
    }
    for (const raftId of this.#removed.keys()) {
      if (this.#byId.has(raftId) || this.#removed.size > removedMax) this.#removed.delete(raftId);
    }
  }

  /** PERMISSION_DENIED when the node was a member and is none any more. */
  admit(nodeId: string): void {
    if (this.#byNode.has(nodeId)) return;
    for (const [raftId, removed] of this.#removed) {
      if (removed === nodeId) throw wasRemoved(raftId, nodeId);
    }
  }

  /**
   * PERMISSION_DENIED unless `nodeId`, which the certificate proves, is the member that the message names as its
   * sender. An unknown manager may lead, as this member may be behind and has to learn of it from the log; it
   * gets no vote and no answer.
   */
  check(nodeId: string, { from, type }: Pick<Message, "from" | "type">): void {
    const owner = this.#byId.get(from);
    if (owner === nodeId) return;
    if (owner !== undefined) {
      const text = `raft member ${from} is node ${owner}, and not node ${nodeId}, which speaks in its name`;
      throw new ClusterError("PERMISSION_DENIED", text);
    }
    if (this.#removed.has(from) || this.#isRemoved(from)) throw wasRemoved(from, nodeId);
    if (leaderTypes.has(type)) return;
    const text = `raft member ${from} (node ${nodeId}) is not known to this manager`;
    throw new ClusterError("PERMISSION_DENIED", text);
  }
}

function wasRemoved(raftId: number, nodeId: string): ClusterError {
  const text = `raft member ${raftId} (node ${nodeId}) was removed from the managers`;
  return new ClusterError("PERMISSION_DENIED", text);
}
