import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { createKeyAndCsr } from "../ca/csr.ts";
import { issueCertificate } from "../ca/issue-certificate.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import type { ReadBackup } from "../manager/backup.ts";
import { newRaftId } from "../manager/raft-membership.ts";
import { removedRaftIds } from "../manager/removed-members.ts";
import { clusterSettingsOf } from "../model/defaults.ts";
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

/** A new node of the backed-up cluster, with a certificate of its CA. FAILED_PRECONDITION when the CA cannot sign. */
export function newMember(
  { cluster, state }: Pick<ReadBackup, "cluster" | "state">,
  addresses: Pick<MemberState, "listenAddress" | "advertiseAddress" | "dataPathAddress">,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): RestoredMember {
  const nodeId = newId(random);
  const used = new Set(removedRaftIds(cluster));
  for (const { managerStatus } of state.view().all("node")) {
    if (managerStatus !== null) used.add(managerStatus.raftId);
  }
  return {
    identity: newIdentity(cluster, nodeId, clock),
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

/** Writes a raft log of this member alone that begins with the backed-up state. The folder must be empty. */
export async function seedRaft(
  folder: string,
  { state: member }: RestoredMember,
  { state }: Pick<ReadBackup, "state">,
  deps: { readonly vault: KeyVault; readonly log: Logger },
): Promise<void> {
  const { raftId, nodeId, advertiseAddress: address } = member;
  const at = { index: state.index + indexGap, term: 1 };
  const { storage, snapshots } = await openRaftDisk(folder, deps);
  try {
    const confState = { ...emptyConfState, voters: [raftId] };
    const members = [{ raftId, nodeId, address }];
    await snapshots.save({ ...at, confState, members }, state.snapshot());
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

function newIdentity(cluster: Cluster, nodeId: string, clock: Pick<Clock, "now">): TlsIdentity {
  const { rootCa } = cluster;
  if (!rootCa || rootCa.caKey.length === 0) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      "the backup does not have the key of the cluster's CA, so that this node cannot get a certificate",
    );
  }
  const { privateKeyPem, csrPem } = createKeyAndCsr();
  const rootCaPem = rootCa.caCert.toString();
  const certificatePem = issueCertificate({
    rootCert: rootCaPem,
    rootKey: rootCa.caKey.toString(),
    csrPem,
    nodeId,
    role: "manager",
    clusterId: cluster.id,
    expiryMs: clusterSettingsOf(cluster).nodeCertExpiryMs,
    nowMs: clock.now(),
  });
  return {
    certificatePem,
    privateKeyPem,
    rootCaPem,
    nodeId,
    role: "manager",
    clusterId: cluster.id,
  };
}
