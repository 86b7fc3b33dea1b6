import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { createKeyAndCsr } from "../ca/csr.ts";
import { Signer } from "../ca/signer.ts";
import { trustBundleOf } from "../ca/trust.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import type { ReadBackup } from "../manager/backup.ts";
import { newRaftId } from "../manager/raft-membership.ts";
import { removedRaftIds } from "../manager/removed-members.ts";
import { emptyConfState } from "../raft/storage/memory-storage.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import type { KeyVault } from "./key-vault.ts";
import { openRaftDisk } from "./raft-disk.ts";
import type { MemberState } from "./state-dir.ts";

/**
 * What happened after the backup is lost, but clients and nodes may remember its versions: those to come begin after any that there
 * could have been.
 */
const indexGap = 1_000_000;

/** Who this node will be: a manager of the cluster that nobody has seen before. */
export interface RestoredMember {
  readonly state: MemberState;
  readonly identity: TlsIdentity;
}

/** A new node of the backed-up cluster, with a certificate of its CA. Errors as `Signer.sign`. */
export async function newMember(
  { cluster, nodes }: Pick<ReadBackup, "cluster" | "nodes">,
  addresses: Pick<MemberState, "listenAddress" | "advertiseAddress" | "dataPathAddress">,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<RestoredMember> {
  const nodeId = newId(random);
  const used = new Set(removedRaftIds(cluster));
  for (const { managerStatus } of nodes) {
    if (managerStatus !== null) used.add(managerStatus.raftId);
  }
  return {
    identity: await newIdentity(cluster, nodeId, clock),
    state: {
      formatVersion: 1,
      nodeId,
      clusterId: cluster.id,
      ...addresses,
      raftId: newRaftId(used, random),
      managers: [addresses.advertiseAddress],
      takingOver: "restore",
    },
  };
}

/**
 * Writes a raft log of this member alone that begins with the backed-up state, piece by piece as it is read. The folder must be empty.
 * INVALID_ARGUMENT when the backup turns out to be damaged; then there is no log.
 */
export async function seedRaft(
  folder: string,
  { state: member }: RestoredMember,
  { index, snapshot }: Pick<ReadBackup, "index" | "snapshot">,
  deps: { readonly vault: KeyVault; readonly log: Logger },
): Promise<void> {
  const { raftId, nodeId, advertiseAddress: address } = member;
  const at = { index: index + indexGap, term: 1 };
  const { storage, snapshots } = await openRaftDisk(folder, deps);
  try {
    const confState = { ...emptyConfState, voters: [raftId] };
    const members = [{ raftId, nodeId, address }];
    await snapshots.save({ ...at, confState, members }, snapshot);
    await storage.write({
      hardState: { term: at.term, vote: 0, commit: at.index },
      entries: [],
      restart: at,
      sync: true,
    });
  } finally {
    await storage.close();
  }
}

async function newIdentity(
  cluster: Cluster,
  nodeId: string,
  clock: Pick<Clock, "now">,
): Promise<TlsIdentity> {
  const { rootCa } = cluster;
  if (rootCa === null) {
    throw new ClusterError("FAILED_PRECONDITION", "the backup does not have the cluster's CA");
  }
  const { privateKeyPem, csrPem } = createKeyAndCsr();
  const role = "manager";
  const signer = new Signer({ clock, asker: undefined });
  return {
    certificatePem: await signer.sign(cluster, { csrPem, nodeId, role }),
    privateKeyPem,
    rootCaPem: trustBundleOf(rootCa),
    nodeId,
    role,
    clusterId: cluster.id,
  };
}
