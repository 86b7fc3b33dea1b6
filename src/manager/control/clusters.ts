import { ClusterError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { newJoinToken } from "../../ca/join-token.ts";
import { newUnlockKey } from "../../ca/unlock-key.ts";
import type { Cluster } from "../../gen/skep/Cluster.ts";
import type { UpdateClusterRequest } from "../../gen/skep/UpdateClusterRequest.ts";
import { validateClusterSpec } from "../../model/validate/cluster.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { checkVersion, required } from "./resolve.ts";

const noBytes = Buffer.alloc(0);

/** Control of the cluster object, of which there is one. */
export function clusterMethods({
  store,
  readBarrier,
  random,
}: ControlDeps): Pick<ControlMethods, "getCluster" | "updateCluster"> {
  return {
    async getCluster() {
      await readBarrier();
      const view = store.view();
      return { cluster: withoutKeys(theCluster(view.cluster())), appliedIndex: view.index };
    },
    async updateCluster(request) {
      const spec = required(request.spec, "the cluster's spec");
      validateClusterSpec(spec);
      await store.update((tx) => {
        const cluster = theCluster(tx.cluster());
        if (request.clusterId !== "" && request.clusterId !== cluster.id) {
          throw new ClusterError("NOT_FOUND", `cluster ${request.clusterId} not found`);
        }
        checkVersion(cluster, request.version);
        tx.update("cluster", {
          ...cluster,
          spec: keepSigningKey(cluster, spec),
          rootCa: rotateTokens(cluster, request, random),
          unlockKey: unlockKeyOf(cluster, spec, request.rotateUnlockKey, random),
        });
      });
      return { cluster: withoutKeys(theCluster(store.view().cluster())) };
    },
  };
}

/** What may be shown: neither private keys nor the unlock key. */
export function withoutKeys(cluster: Cluster): Cluster {
  const { spec, rootCa } = cluster;
  return {
    ...cluster,
    unlockKey: "",
    spec: spec?.ca ? { ...spec, ca: { ...spec.ca, signingCaKey: noBytes } } : spec,
    rootCa: rootCa && {
      ...rootCa,
      caKey: noBytes,
      rotation: rootCa.rotation && { ...rootCa.rotation, caKey: noBytes },
    },
  };
}

function theCluster(cluster: Cluster | undefined): Cluster {
  if (cluster === undefined) throw new ClusterError("NOT_FOUND", "the cluster object is not there");
  return cluster;
}

/** Clients send back what they were shown, which is without the key. */
function keepSigningKey(cluster: Cluster, spec: Cluster["spec"]): Cluster["spec"] {
  const key = cluster.spec?.ca?.signingCaKey ?? noBytes;
  if (!spec?.ca || spec.ca.signingCaKey.length > 0 || key.length === 0) return spec;
  return { ...spec, ca: { ...spec.ca, signingCaKey: key } };
}

function rotateTokens(
  { rootCa }: Cluster,
  { rotateManagerToken, rotateWorkerToken }: UpdateClusterRequest,
  random: Random,
): Cluster["rootCa"] {
  if (rootCa === null || !(rotateManagerToken || rotateWorkerToken)) return rootCa;
  const token = (): string => newJoinToken(rootCa.caCert.toString(), random);
  return {
    ...rootCa,
    joinTokens: {
      worker: rotateWorkerToken ? token() : (rootCa.joinTokens?.worker ?? ""),
      manager: rotateManagerToken ? token() : (rootCa.joinTokens?.manager ?? ""),
    },
  };
}

function unlockKeyOf(
  cluster: Cluster,
  spec: Cluster["spec"],
  rotate: boolean,
  random: Random,
): string {
  if (spec?.encryption?.autoLockManagers !== true) return "";
  if (cluster.unlockKey !== "" && !rotate) return cluster.unlockKey;
  return newUnlockKey(random);
}
