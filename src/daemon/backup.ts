import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { skepVersion } from "../base/version.ts";
import { writeBackup } from "../manager/backup.ts";
import { newBackupKey } from "../manager/backup-key.ts";
import type { Manager } from "../manager/manager.ts";
import type { SwarmBackup } from "../rest/backend/swarm-backup.ts";

const catchUpMs = 5_000;
const pollMs = 20;

/**
 * The cluster's state, sealed with a key of its own. It has everything that was agreed on before the call; with `stale`, only what this
 * manager knows, for a cluster without a leader. UNAVAILABLE when there is no leader, or this manager does not catch up with it in 5 s.
 */
export async function makeBackup(
  manager: Pick<Manager, "control" | "store">,
  options: { readonly nodeId: string; readonly stale: boolean },
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<SwarmBackup> {
  const { store, control } = manager;
  if (!options.stale) {
    const { appliedIndex } = await control.getCluster({});
    const untilMs = clock.monotonic() + catchUpMs;
    while (store.view().index < appliedIndex) {
      if (clock.monotonic() > untilMs) {
        throw new ClusterError(
          "UNAVAILABLE",
          "this manager has not caught up with the leader: make the backup on another manager, or try again",
        );
      }
      await sleep(clock, pollMs);
    }
  }
  const view = store.view();
  const cluster = view.cluster();
  if (cluster === undefined) {
    throw new ClusterError("UNAVAILABLE", "this manager does not know the cluster yet; try again");
  }
  const metadata = {
    contentVersion: 1,
    clusterId: cluster.id,
    nodeId: options.nodeId,
    index: view.index,
    createdAt: new Date(clock.now()).toISOString(),
    skepVersion,
  } as const;
  const key = newBackupKey(random);
  return { key, chunks: writeBackup(store.stateMachine, metadata, key, random) };
}
