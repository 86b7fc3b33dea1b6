import { ClusterError } from "../base/errors.ts";
import type { CaState } from "../ca/ca-server.ts";
import type { NodeCertificate, NodeCertificateInput } from "../gen/skep/NodeCertificate.ts";
import { messageCodec } from "../rpc/load-proto.ts";
import type { Store } from "../store/store.ts";
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
