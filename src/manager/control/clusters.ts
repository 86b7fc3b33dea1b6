import { ClusterError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { readCertificate } from "../../ca/certificate.ts";
import { newJoinToken } from "../../ca/join-token.ts";
import { issuerInfo, signingRootOf } from "../../ca/trust.ts";
import { newUnlockKey } from "../../ca/unlock-key.ts";
import type { Cluster } from "../../gen/skep/Cluster.ts";
import type { NodeTlsInfo } from "../../gen/skep/NodeTlsInfo.ts";
import type { UpdateClusterRequest } from "../../gen/skep/UpdateClusterRequest.ts";
import { validateClusterSpec } from "../../model/validate/cluster.ts";
import { updateRoot } from "../ca-update.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { checkVersion, required } from "./resolve.ts";

const noBytes = Buffer.alloc(0);

/** Control of the cluster object, of which there is one. */
export function clusterMethods({
  store,
  readBarrier,
  random,
  clock,
}: ControlDeps): Pick<ControlMethods, "getCluster" | "updateCluster"> {
  return {
    async getCluster() {
      await readBarrier();
      const view = store.view();
      const cluster = theCluster(view.cluster());
      return {
        cluster: withoutKeys(cluster),
        appliedIndex: view.index,
        wantedTlsInfo: wantedTlsInfo(cluster),
      };
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
        const root = updateRoot(cluster, spec, clock.now());
        tx.update("cluster", {
          ...cluster,
          spec: root.spec,
          rootCa: rotateTokens(root, request, random),
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

/** What a node's TLS says once it has the root that counts, or is on its way to. */
function wantedTlsInfo({ rootCa }: Cluster): NodeTlsInfo | null {
  if (rootCa === null) return null;
  const root = readCertificate(signingRootOf(rootCa).certificatePem, "the cluster's root");
  const { subject, publicKey } = issuerInfo(root);
  return {
    trustRoot: rootCa.caCert,
    certIssuerSubject: Buffer.from(subject),
    certIssuerPublicKey: Buffer.from(publicKey),
  };
}

function rotateTokens(
  { rootCa }: Pick<Cluster, "rootCa">,
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
