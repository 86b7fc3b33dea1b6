import { ClusterError } from "../base/errors.ts";
import { type CaState, isRemoved } from "../ca/ca-server.ts";
import type { Signer } from "../ca/signer.ts";
import { trustBundleOf } from "../ca/trust.ts";
import type { NodeCertificate, NodeCertificateInput } from "../gen/skep/NodeCertificate.ts";
import { messageCodec } from "../rpc/load-proto.ts";
import type { Store } from "../store/store.ts";
import type { StoreView } from "../store/store-view.ts";
import { notLeader } from "./control/control-server.ts";

const certificateCodec = messageCodec<NodeCertificateInput, NodeCertificate>("NodeCertificate");

/** The CA's view of the cluster's state, over the store. */
export function caStateOver(deps: {
  readonly store: Store;
  readonly isLeader: () => boolean;
  readonly leaderAddress: () => string | undefined;
  readonly readBarrier: () => Promise<void>;
}): CaState {
  const { store, isLeader, leaderAddress, readBarrier } = deps;
  return {
    async ensureLeader() {
      if (!isLeader()) throw notLeader(leaderAddress());
      await readBarrier();
    },
    cluster: () => store.view().cluster(),
    node: (id) => store.view().get("node", id),
    addNode: (node) => store.update((tx) => tx.create("node", node)),
    async setCertificate(nodeId, certificate) {
      await store.update((tx) => {
        const node = tx.get("node", nodeId);
        if (node === undefined) {
          throw new ClusterError(
            "PERMISSION_DENIED",
            `node ${nodeId} was removed from the cluster`,
          );
        }
        const complete = certificateCodec.decode(certificateCodec.encode(certificate));
        tx.update("node", { ...node, certificate: complete });
      });
    },
  };
}

/**
 * A manager's certificate by the manager itself: it holds the root's key anyway. For a cluster that was away for longer than its certificates
 * live, where nobody can ask anybody. PERMISSION_DENIED unless the state says that this node is a manager; else as `Signer.sign`.
 */
export async function issueForSelf(
  view: StoreView,
  signer: Pick<Signer, "sign">,
  nodeId: string,
  csrPem: string,
): Promise<{ nodeId: string; certificate: Buffer; rootCa: Buffer; clusterId: string }> {
  const cluster = view.cluster();
  const rootCa = cluster?.rootCa;
  if (cluster === undefined || !rootCa) {
    throw new ClusterError("UNAVAILABLE", "the cluster's root is not known here yet; try again");
  }
  if (view.get("node", nodeId)?.role !== "MANAGER" || isRemoved(cluster, nodeId)) {
    throw new ClusterError("PERMISSION_DENIED", `node ${nodeId} is no manager of the cluster`);
  }
  const pem = await signer.sign(cluster, { csrPem, nodeId, role: "manager" });
  return {
    nodeId,
    certificate: Buffer.from(pem),
    rootCa: Buffer.from(trustBundleOf(rootCa)),
    clusterId: cluster.id,
  };
}
