import { isRemoved } from "../ca/ca-server.ts";
import { readCertificate, validityOf } from "../ca/certificate.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { RaftMember } from "../gen/skep/RaftMember.ts";
import type { RemovedRaftMember } from "../gen/skep/RemovedRaftMember.ts";
import type { NodeRoleName, PeerIdentity } from "../rpc/roles.ts";
import type { StoreView, Transaction } from "../store/store-view.ts";

/** Kept; ids are random, so that forgetting the oldest of so many brings none of them back. */
const keptMax = 4_096;

/** Notes that these members are none any more. Those that are noted already stay as they are. */
export function recordRemoved(tx: Transaction, removed: readonly RemovedRaftMember[]): void {
  const cluster = tx.cluster();
  if (cluster === undefined) return;
  const known = cluster.removedRaftIds;
  const added = removed.filter((entry) => !known.some((other) => isSame(other, entry)));
  if (added.length === 0) return;
  tx.update("cluster", { ...cluster, removedRaftIds: [...known, ...added].slice(-keptMax) });
}

/** The raft ids that were taken out of the group. */
export function removedRaftIds(cluster: Cluster | undefined): ReadonlySet<number> {
  return new Set(cluster?.removedRaftIds.map(({ raftId }) => raftId));
}

/** Why a node with a good certificate is not served at all; undefined when it is. */
export function refusalOf(view: StoreView, { nodeId }: PeerIdentity): string | undefined {
  const cluster = view.cluster();
  if (isRemoved(cluster, nodeId)) {
    return `node ${nodeId} was removed from the cluster; run "swarm leave --force" on it, then it can join again`;
  }
  const dropped = cluster?.removedRaftIds.some((entry) => entry.nodeId === nodeId && entry.dropped);
  return dropped === true
    ? `node ${nodeId} is no longer a manager of this cluster: it was left behind when a new cluster was forced, or restored from a backup, on another manager; run "swarm leave --force" on it, then it can join again`
    : undefined;
}

/**
 * The role that counts: a manager which was taken out of raft and is to be a worker is one at once, although the certificate it has
 * still says otherwise. One that is newer than the last one known here was given to it since: it is a manager again, and this manager was
 * away when that was agreed on. It must be heard then, as nobody else may be there to lead.
 */
export function roleNow(
  view: StoreView,
  members: readonly RaftMember[],
  { nodeId, role }: PeerIdentity,
  validFromMs: () => number,
): NodeRoleName {
  if (role === "worker" || members.some((member) => member.nodeId === nodeId)) return role;
  const wasMember = view.cluster()?.removedRaftIds.some((entry) => entry.nodeId === nodeId);
  const node = view.get("node", nodeId);
  if (wasMember !== true || node?.role !== "WORKER") return role;
  return validFromMs() > lastIssuedMs(node) ? role : "worker";
}

// The certificate that is noted with the node; each new one is, in the log's order.
function lastIssuedMs({ certificate }: Node): number {
  const pem = Buffer.from(certificate?.certificate ?? "").toString();
  if (pem === "") return Number.POSITIVE_INFINITY;
  return validityOf(readCertificate(pem, "the certificate of the node")).fromMs;
}

// A node may lose several raft ids; one whose raft id is not known is noted by its node id.
function isSame(known: RemovedRaftMember, added: RemovedRaftMember): boolean {
  if (known.nodeId !== added.nodeId || known.dropped !== added.dropped) return false;
  return known.raftId === added.raftId || added.raftId === 0;
}
